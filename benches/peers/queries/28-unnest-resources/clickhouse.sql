SELECT arrayJoin(e.resources.ARN) AS resource, count() AS n FROM peers.events
WHERE resource != '' GROUP BY resource ORDER BY n DESC, resource LIMIT 10
