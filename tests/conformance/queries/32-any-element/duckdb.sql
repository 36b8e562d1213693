-- A path without a place means any element; != means none.
SELECT e->>'$.eventSource' AS eventSource, e->>'$.eventName' AS eventName, count(*) AS n
FROM events
WHERE (list_contains(e->>'$.resources[*].type', 'AWS::S3::Bucket')
       AND len(list_filter(e->>'$.resources[*].ARN', lambda arn: contains(arn, 'arn:aws:s3:::'))) > 0)
   OR ((e->>'$.requestParameters.filterSet') IS NOT NULL
       AND NOT coalesce(
         list_contains(e->>'$.requestParameters.filterSet.items[*].name', 'state'), false))
GROUP BY 1, 2
