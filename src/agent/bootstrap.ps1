$ErrorActionPreference = 'Stop'
$agentText = ''
$ready = $false
foreach ($line in $input) {
if ($ready) { $null = Receive-AgentLine; if ($Agent.Code) { . $Agent.Code; $Agent.Code = $null } }
elseif ($line -ceq '#farmhand-agent-end') { . ([ScriptBlock]::Create($agentText)); $ready = $true }
else { $agentText += "$line`n" }
}
