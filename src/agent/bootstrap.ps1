# Placeholder of the bootstrap.
foreach ($line in $input) { if ($line -eq '#farmhand-agent-end') { break } }
