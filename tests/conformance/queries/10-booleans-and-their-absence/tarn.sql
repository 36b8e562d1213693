SELECT readOnly, managementEvent, count(*) AS n,
       count_if(errorCode IS NOT NULL) AS failed,
       sum(CASE WHEN sessionCredentialFromConsole = 'true' THEN 1 ELSE 0 END) AS console
FROM events
GROUP BY readOnly, managementEvent
ORDER BY readOnly, managementEvent DESC
