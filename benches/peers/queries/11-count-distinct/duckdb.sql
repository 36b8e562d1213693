-- How many principals, user agents and principal ids are there?
SELECT count(DISTINCT userIdentity.arn) AS principals, count(DISTINCT userAgent) AS user_agents,
       count(DISTINCT userIdentity.principalId) AS principal_ids FROM events
