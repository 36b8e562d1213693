-- The ten resources that most events name.
SELECT r.ARN AS resource, count(*) AS n FROM (SELECT unnest(resources) AS r FROM events)
WHERE resource IS NOT NULL GROUP BY resource ORDER BY n DESC, resource LIMIT 10
