(SELECT EVENTNAME AS name, useridentity.ACCOUNTID AS account FROM Events WHERE "EventSource" = 'iam.amazonaws.com'
 EXCEPT
 SELECT eventname, UserIdentity.AccountId FROM events WHERE READONLY = true)
UNION
SELECT eventName, recipientAccountId FROM EVENTS WHERE EventType = 'AwsConsoleSignIn'
