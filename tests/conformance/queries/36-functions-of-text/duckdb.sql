-- Functions of text.
SELECT e->>'$.eventID' AS eventID, length(e->>'$.userAgent') AS length,
       upper((e->>'$.eventName')[1:4]) AS head,
       (e->>'$.awsRegion') || '/' || (e->>'$.eventSource') AS place,
       coalesce(e->>'$.errorCode', 'none') AS code,
       replace(e->>'$.eventSource', '.amazonaws.com', '') AS service,
       contains(e->>'$.userAgent', 'Linux')::INT AS linux
FROM events
WHERE length(e->>'$.userAgent') > 230
   OR (e->>'$.eventSource') LIKE '%board.amazonaws.com'
   OR (e->>'$.eventName') = 'ConsoleLogin'
