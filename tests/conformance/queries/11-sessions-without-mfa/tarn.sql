SELECT userIdentity.sessionContext.sessionIssuer.arn AS issuer,
       userIdentity.sessionContext.attributes.mfaAuthenticated AS mfa,
       min(userIdentity.sessionContext.attributes.creationDate) AS opened,
       count(DISTINCT userIdentity.principalId) AS sessions
FROM events
WHERE userIdentity.type = 'AssumedRole'
  AND userIdentity.sessionContext.attributes.mfaAuthenticated = 'false'
  AND userIdentity.sessionContext.sessionIssuer.type = 'Role'
GROUP BY 1, 2
HAVING count(DISTINCT userIdentity.principalId) > 1
