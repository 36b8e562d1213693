-- A test of any element of an array, and the array's length.
SELECT e->>'$.eventSource' AS eventSource, e->>'$.eventName' AS eventName,
       json_array_length(e->'$.resources') AS n_resources, count(*) AS calls
FROM events
WHERE EXISTS (
  SELECT 1 FROM (SELECT unnest((e->'$.resources')::JSON[]) AS r)
  WHERE (r->>'$.ARN') LIKE 'arn:aws:s3:::%' OR (r->>'$.type') = 'AWS::KMS::Key')
GROUP BY 1, 2, 3
