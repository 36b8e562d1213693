SELECT r.arn AS resource, count(*) AS n FROM events CROSS JOIN UNNEST(resources) AS t(r)
WHERE r.arn IS NOT NULL GROUP BY r.arn ORDER BY n DESC, resource LIMIT 10
