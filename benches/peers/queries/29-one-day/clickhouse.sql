SELECT e.eventName AS name, count() AS n FROM peers.events
WHERE e.eventTime >= '{{day_start}}' AND e.eventTime < '{{day_end}}'
GROUP BY name ORDER BY n DESC, name LIMIT 20
