-- Keys with hyphens and dots.
SELECT e->>'$.eventName' AS eventName,
       e->>'$.requestParameters.advancedOptions."rest.action.multi.allow_explicit_index"' AS explicit,
       count(*) AS n, min(length(e->>'$.additionalEventData."x-amz-id-2"')) AS shortest,
       count(e->>'$.requestParameters."object-lock"') AS locks
FROM events
WHERE (e->>'$.additionalEventData."x-amz-id-2"') IS NOT NULL
   OR (e->>'$.requestParameters.advancedOptions."rest.action.multi.allow_explicit_index"') IS NOT NULL
GROUP BY 1, 2
