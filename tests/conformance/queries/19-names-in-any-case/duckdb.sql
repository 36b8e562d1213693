-- Names in any case, also quoted; set operations.
(SELECT e->>'$.eventName' AS name, e->>'$.userIdentity.accountId' AS account
 FROM events WHERE (e->>'$.eventSource') = 'iam.amazonaws.com'
 EXCEPT
 SELECT e->>'$.eventName', e->>'$.userIdentity.accountId'
 FROM events WHERE (e->'$.readOnly')::BOOLEAN)
UNION
SELECT e->>'$.eventName', e->>'$.recipientAccountId'
FROM events WHERE (e->>'$.eventType') = 'AwsConsoleSignIn'
