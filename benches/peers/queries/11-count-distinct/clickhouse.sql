SELECT uniqExactIf(e.userIdentity.arn, e.userIdentity.arn != '') AS principals,
       uniqExactIf(e.sourceIPAddress, e.sourceIPAddress != '') AS addresses,
       uniqExactIf(e.userIdentity.accessKeyId, e.userIdentity.accessKeyId != '') AS access_keys FROM peers.events
