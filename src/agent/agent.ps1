# Placeholder of the agent.
$null
