SELECT eventSource, eventName, cardinality(resources) AS n_resources, count(*) AS calls
FROM events
WHERE any_match(resources, r -> r.arn LIKE 'arn:aws:s3:::%' OR r.type = 'AWS::KMS::Key')
GROUP BY eventSource, eventName, cardinality(resources)
