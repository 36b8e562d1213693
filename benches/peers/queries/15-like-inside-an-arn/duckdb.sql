-- How many calls came from roles with a word in their name?
SELECT count(*) AS n FROM events WHERE userIdentity.arn LIKE '%events-role%'
