-- A number compares as a number, also with a text that is one; a text compares as text.
-- Logs Insights QL has no types: the largest value is shown as it is written.
SELECT e->>'$.recipientAccountId' AS recipientAccountId, e->>'$.eventName' AS eventName,
       count(*) AS n, max((e->>'$.requestParameters.durationSeconds')::BIGINT)::VARCHAR AS longest
FROM events
WHERE try_cast(e->>'$.requestParameters.maxResults' AS DOUBLE) >= 100
   OR try_cast(e->>'$.requestParameters.durationSeconds' AS DOUBLE) > 900
   OR try_cast(e->>'$.recipientAccountId' AS DOUBLE) = 17622104382
   OR (e->>'$.userIdentity.accountId') = '123456789123'
GROUP BY 1, 2
