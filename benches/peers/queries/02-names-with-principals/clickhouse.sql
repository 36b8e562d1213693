SELECT e.eventName AS name, count() AS n, uniqExactIf(e.userIdentity.arn, e.userIdentity.arn != '') AS principals
FROM peers.events WHERE e.eventType = 'AwsApiCall' GROUP BY name ORDER BY n DESC, name
