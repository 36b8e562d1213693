-- Map keys that are no names, and a dot inside of a key of nested JSON.
SELECT e->>'$.eventID' AS eventID, e->>'$.eventName' AS eventName,
       e->>'$.requestParameters."object-lock"' AS lock,
       e->>'$.requestParameters."x-amz-acl"' AS acl,
       e->>'$.requestParameters.advancedOptions."rest.action.multi.allow_explicit_index"'
         AS explicit_index,
       e->>'$.requestParameters.encryptionContext."kubernetes.io/namespace"' AS namespace
FROM events
WHERE (e->>'$.requestParameters."object-lock"') IS NOT NULL
   OR (e->>'$.requestParameters."x-amz-acl"') = 'private'
   OR (e->>'$.requestParameters.advancedOptions') LIKE '%allow_explicit_index%'
   OR (e->>'$.requestParameters.encryptionContext') LIKE '%kubernetes.io/namespace%'
