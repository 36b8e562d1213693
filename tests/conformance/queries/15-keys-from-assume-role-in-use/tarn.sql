WITH handed_out AS (
  SELECT json_extract_scalar(element_at(responseElements, 'credentials'), '$.accessKeyId') AS key,
         min(eventTime) AS since, max(element_at(requestParameters, 'roleArn')) AS role
  FROM events
  WHERE eventName IN ('AssumeRole', 'AssumeRoleWithWebIdentity')
    AND element_at(responseElements, 'credentials') IS NOT NULL
  GROUP BY 1
)
SELECT h.key, h.role, h.since, count(*) AS uses, max(u.eventTime) AS last_use,
       count(DISTINCT u.eventName) AS names
FROM handed_out h JOIN events u ON u.userIdentity.accessKeyId = h.key
GROUP BY h.key, h.role, h.since
