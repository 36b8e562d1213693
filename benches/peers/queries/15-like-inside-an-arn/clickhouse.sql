SELECT count() AS n FROM peers.events WHERE e.userIdentity.arn LIKE '%events-role%'
