SELECT element_at(requestParameters, 'bucketName') AS bucket,
       sum(CAST(element_at(additionalEventData, 'bytesTransferredOut') AS double)) AS bytes_out,
       max(CAST(element_at(additionalEventData, 'bytesTransferredIn') AS double)) AS most_in,
       avg(CAST(element_at(additionalEventData, 'bytesTransferredOut') AS double)) AS mean_out,
       count(*) AS calls
FROM events
WHERE eventSource = 's3.amazonaws.com'
GROUP BY 1
