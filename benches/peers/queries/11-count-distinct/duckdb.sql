-- How many principals, addresses and access keys are there?
SELECT count(DISTINCT userIdentity.arn) AS principals, count(DISTINCT sourceIPAddress) AS addresses,
       count(DISTINCT userIdentity.accessKeyId) AS access_keys FROM events
