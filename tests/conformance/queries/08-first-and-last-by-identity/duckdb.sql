-- Deep structs as keys, missing ones among them; min and max of times and texts.
SELECT e->>'$.userIdentity.type' AS type,
       e->>'$.userIdentity.sessionContext.sessionIssuer.userName' AS role,
       min((e->>'$.eventTime')::TIMESTAMP) AS first, max((e->>'$.eventTime')::TIMESTAMP) AS last,
       min(e->>'$.eventName') AS first_name, max(e->>'$.userIdentity.accountId') AS account,
       count(*) AS calls
FROM events
GROUP BY 1, 2
