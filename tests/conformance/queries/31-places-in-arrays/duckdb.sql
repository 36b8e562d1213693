-- Elements of arrays by their place, also an array inside of an array.
SELECT e->>'$.eventID' AS eventID,
       e->>'$.requestParameters.filterSet.items[0].name' AS first_name,
       e->>'$.requestParameters.filterSet.items[0].valueSet.items[0].value' AS first_value,
       e->>'$.resources[0].ARN' AS first_arn, e->>'$.resources[1].accountId' AS "resources.1.accountId"
FROM events
WHERE (e->>'$.requestParameters.filterSet.items[0].name') IN ('tag-key', 'state')
   OR (e->>'$.resources[1].type') = 'AWS::S3::Bucket'
