SELECT uniqExactIf(e.userIdentity.arn, e.userIdentity.arn != '') AS principals,
       uniqExactIf(e.userAgent, e.userAgent != '') AS user_agents,
       uniqExactIf(e.userIdentity.principalId, e.userIdentity.principalId != '') AS principal_ids FROM peers.events
