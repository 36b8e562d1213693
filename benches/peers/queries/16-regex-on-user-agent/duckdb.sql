-- Which services does one range of versions of the command line call?
SELECT eventSource, count(*) AS n FROM events WHERE regexp_matches(userAgent, 'aws-cli/2\.(1[0-9]|2[0-9])\.')
GROUP BY eventSource ORDER BY n DESC, eventSource
