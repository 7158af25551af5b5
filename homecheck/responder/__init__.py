"""The far end of network measurements: serves downloads, sinks uploads, reflects UDP, signs what it saw itself."""
