SELECT eventID, resources, requestParameters FROM default WHERE cardinality(resources) > 0 ORDER BY eventID LIMIT 8
