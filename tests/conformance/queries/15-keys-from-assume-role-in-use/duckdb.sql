-- A CTE and a join: which keys that AssumeRole handed out were used, and for what.
WITH handed_out AS (
  SELECT e->>'$.responseElements.credentials.accessKeyId' AS key,
         min((e->>'$.eventTime')::TIMESTAMP) AS since,
         max(e->>'$.requestParameters.roleArn') AS role
  FROM events
  WHERE (e->>'$.eventName') IN ('AssumeRole', 'AssumeRoleWithWebIdentity')
    AND (e->>'$.responseElements.credentials') IS NOT NULL
  GROUP BY 1
)
SELECT key, role, since, count(*) AS uses, max((e->>'$.eventTime')::TIMESTAMP) AS last_use,
       count(DISTINCT e->>'$.eventName') AS names
FROM handed_out JOIN events ON (e->>'$.userIdentity.accessKeyId') = key
GROUP BY 1, 2, 3
