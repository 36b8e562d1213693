SELECT e.requestParameters.bucketName.:String AS bucket,
       sum(e.additionalEventData.bytesTransferredOut.:Int64) AS bytes
FROM peers.events WHERE bucket IS NOT NULL GROUP BY bucket HAVING bytes IS NOT NULL ORDER BY bytes DESC, bucket LIMIT 10
