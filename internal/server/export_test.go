package server

// ReplicaName is replicaName.
var ReplicaName = replicaName
