SELECT eventSource, count(*) AS n FROM events WHERE regexp_like(userAgent, 'aws-cli/2\.(1[0-9]|2[0-9])\.')
GROUP BY eventSource ORDER BY n DESC, eventSource
