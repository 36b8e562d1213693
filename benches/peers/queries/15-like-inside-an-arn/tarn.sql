SELECT count(*) AS n FROM events WHERE userIdentity.arn LIKE '%events-role%'
