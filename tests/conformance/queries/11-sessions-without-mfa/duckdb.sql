-- Five steps down a struct, in every clause.
SELECT e->>'$.userIdentity.sessionContext.sessionIssuer.arn' AS issuer,
       e->>'$.userIdentity.sessionContext.attributes.mfaAuthenticated' AS mfa,
       min((e->>'$.userIdentity.sessionContext.attributes.creationDate')::TIMESTAMP) AS opened,
       count(DISTINCT e->>'$.userIdentity.principalId') AS sessions
FROM events
WHERE (e->>'$.userIdentity.type') = 'AssumedRole'
  AND (e->>'$.userIdentity.sessionContext.attributes.mfaAuthenticated') = 'false'
  AND (e->>'$.userIdentity.sessionContext.sessionIssuer.type') = 'Role'
GROUP BY 1, 2
HAVING count(DISTINCT e->>'$.userIdentity.principalId') > 1
