SELECT eventID, eventName, requestParameters['object-lock'] AS lock,
       element_at(requestParameters, 'x-amz-acl') AS acl,
       json_extract_scalar(element_at(requestParameters, 'advancedOptions'),
                           '$["rest.action.multi.allow_explicit_index"]') AS explicit_index,
       json_extract_scalar(element_at(requestParameters, 'encryptionContext'),
                           '$["kubernetes.io/namespace"]') AS namespace
FROM events
WHERE requestParameters['object-lock'] IS NOT NULL
   OR element_at(requestParameters, 'x-amz-acl') = 'private'
   OR element_at(requestParameters, 'advancedOptions') LIKE '%allow_explicit_index%'
   OR element_at(requestParameters, 'encryptionContext') LIKE '%kubernetes.io/namespace%'
