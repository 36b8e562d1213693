-- Several sort keys; NULL is last in both directions.
-- in this order
SELECT e->>'$.errorCode' AS errorCode, e->>'$.vpcEndpointId' AS vpcEndpointId,
       e->>'$.awsRegion' AS awsRegion, count(*) AS n
FROM events
WHERE (e->>'$.eventSource') IN ('s3.amazonaws.com', 'kms.amazonaws.com', 'sts.amazonaws.com')
GROUP BY 1, 2, 3
ORDER BY 2 DESC NULLS LAST, 1 NULLS LAST, n DESC, 3 NULLS LAST
LIMIT 60
