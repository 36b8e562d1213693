SELECT r.type AS type, r.accountId AS account, count(*) AS uses, count(DISTINCT r.arn) AS arns
FROM events CROSS JOIN UNNEST(resources) AS t(r)
WHERE eventName <> 'AssumeRole'
GROUP BY r.type, r.accountId
