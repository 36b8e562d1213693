-- An array opened into rows; two of its members as keys.
SELECT r->>'$.type' AS type, r->>'$.accountId' AS account, count(*) AS uses,
       count(DISTINCT r->>'$.ARN') AS arns
FROM (SELECT unnest((e->'$.resources')::JSON[]) AS r
      FROM events WHERE (e->>'$.eventName') <> 'AssumeRole')
GROUP BY 1, 2
