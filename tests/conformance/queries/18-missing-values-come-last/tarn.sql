SELECT errorCode, vpcEndpointId, awsRegion, count(*) AS n
FROM events
WHERE eventSource IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'sts.amazonaws.com')
GROUP BY errorCode, vpcEndpointId, awsRegion
ORDER BY vpcEndpointId DESC, errorCode, n DESC, awsRegion
LIMIT 60
