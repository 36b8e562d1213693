-- A stats command over the rows of another, a filter over both.
SELECT arn AS "userIdentity.arn", count(*) AS names, sum(calls)::BIGINT AS total, max(calls) AS most
FROM (
  SELECT e->>'$.userIdentity.arn' AS arn, e->>'$.eventName' AS eventName, count(*) AS calls
  FROM events WHERE (e->>'$.userIdentity.arn') IS NOT NULL
  GROUP BY 1, 2)
GROUP BY 1
HAVING count(*) > 4
