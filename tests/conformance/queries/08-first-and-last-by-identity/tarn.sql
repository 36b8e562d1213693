SELECT userIdentity.type AS type, userIdentity.sessionContext.sessionIssuer.userName AS role,
       min(eventTime) AS first, max(eventTime) AS last, min(eventName) AS first_name,
       max(userIdentity.accountId) AS account, count(*) AS calls
FROM events
GROUP BY userIdentity.type, userIdentity.sessionContext.sessionIssuer.userName
