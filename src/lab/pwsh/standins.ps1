# Loaded by PowerShell 7 before the agent's bootstrap: what only Windows has, answered by the lab.
#
# Functions stand for cmdlets and the types beside this script for those of .NET that know Windows alone. Each is
# entered under its Windows name where PowerShell looks first, so that the agent means them without a changed byte.

$ErrorActionPreference = 'Stop'
Add-Type -IgnoreWarnings -Path (Get-ChildItem -Path $PSScriptRoot -Filter '*.cs' | ForEach-Object { $_.FullName })
# Names of a user's own are looked up last, so these must stand among PowerShell's. The field has been there since 3.0.
$table = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
$table = $table.GetField('builtinTypeAccelerators', 'NonPublic, Static').GetValue($null)
foreach ($type in [Farmhand.Lab.Door].Assembly.GetTypes()) {
    foreach ($mark in $type.GetCustomAttributes([Farmhand.Lab.StandsForAttribute], $false)) {
        $table[$mark.Name] = $type
        $table["System.$($mark.Name)"] = $type
    }
}
Remove-Variable table, type, mark -ErrorAction Ignore

# A host whose own files are broken must start all the same, to say so when it is asked.
try {
    $LabFacts = [Farmhand.Lab.Door]::Facts()
    $LabCulture = $LabFacts['culture'].Text
    $PSVersionTable['PSVersion'] = [version]$LabFacts['powershell'].Text
} catch {
    $LabCulture = ''
}

function Get-Culture {
    [pscustomobject]@{ Name = $LabCulture }
}

function Import-Module([string]$Name) {
    if (-not [IO.File]::Exists($Name)) { throw "The specified module '$Name' was not loaded" }
}

function Get-CimInstance([string]$ClassName, [string]$Filter) {
    $facts = [Farmhand.Lab.Door]::Facts()
    switch ($ClassName) {
        'Win32_OperatingSystem' {
            $up = [TimeSpan]::FromSeconds([double]$facts['uptime_seconds'].Text)
            [pscustomobject]@{
                CSName = $facts['computer'].Text
                Caption = 'Microsoft ' + $facts['os'].Text
                Version = $facts['os_version'].Text
                ProductType = $(if ($facts['server'].IsTrue) { 3 } else { 1 })
                LastBootUpTime = [DateTime]::Now - $up
            }
        }
        'Win32_ComputerSystem' {
            $domain = $facts['domain'].Text
            [pscustomobject]@{ PartOfDomain = [bool]$domain; Domain = $(if ($domain) { $domain } else { 'WORKGROUP' }) }
        }
        'Win32_Process' {
            $wanted = $Filter -replace '^ProcessId=', ''
            # The agents are processes of this computer, and the only ones on it that a lab host is asked for.
            $agent = Get-Process -Id $wanted -ErrorAction Ignore
            if ($agent) { return [pscustomobject]@{ ProcessId = [int]$wanted; CreationDate = $agent.StartTime } }
            foreach ($pool in [Farmhand.Lab.Door]::Ask('{"do":"running"}')['pools'].Items) {
                foreach ($worker in $pool['workers'].Items) {
                    if ($worker['pid'].Text -eq $wanted) {
                        [pscustomobject]@{ ProcessId = [int]$wanted; Account = $worker['account'].Text }
                    }
                }
            }
        }
        default { throw "Invalid class $ClassName" }
    }
}

function Invoke-CimMethod([object]$InputObject, [string]$MethodName) {
    if ($MethodName -ne 'GetOwner') { throw "Invalid method $MethodName" }
    $domain, $user = $InputObject.Account.Split([char[]]'\', 2)
    [pscustomobject]@{ Domain = $domain; User = $user; ReturnValue = 0 }
}

# The few keys that tell of Windows, IIS and .NET.
function Get-LabRegistry([string]$Key) {
    $facts = [Farmhand.Lab.Door]::Facts()
    $pending = @($facts['pending_reboot'].Items | ForEach-Object { $_.Text })
    $values = @{}
    switch -Wildcard ($Key) {
        '*\NET Framework Setup\NDP\v4\Full' {
            $release = $facts['dotnet_release'].Text
            if ($release) { $values.Release = [int]$release }
        }
        '*\InetStp' {
            $iis = $facts['iis'].Text
            if ($iis) { $values.MajorVersion, $values.MinorVersion = $iis.Split('.') | ForEach-Object { [int]$_ } }
        }
        '*\Component Based Servicing\RebootPending' { if ($pending -contains 'component_servicing') { $values.Is = 1 } }
        '*\Auto Update\RebootRequired' { if ($pending -contains 'windows_update') { $values.Is = 1 } }
        '*\Control\Session Manager' {
            $values.Is = 1
            if ($pending -contains 'file_rename') { $values.PendingFileRenameOperations = @('\??\C:\Windows\Temp\x', '') }
        }
        default { throw "the lab has no registry key $Key" }
    }
    if ($values.Count) { $values }
}

function Get-Item {
    [CmdletBinding()]
    param([string]$Path)
    $values = Get-LabRegistry $Path
    if (-not $values) { return }
    $item = [pscustomobject]@{ Values = $values }
    $item | Add-Member -MemberType ScriptMethod -Name GetValue -Value { param($name) $this.Values[$name] } -PassThru
}

function Test-Path([string]$Path) {
    [bool](Get-LabRegistry $Path)
}

function Get-Service {
    [CmdletBinding()]
    param([string]$Name)
    if ($Name -eq 'WAS' -and [Farmhand.Lab.Door]::Facts()['iis'].IsThere) {
        [pscustomobject]@{ Name = 'WAS'; Status = 'Running' }
    }
}

function Get-WinEvent {
    [CmdletBinding()]
    param([hashtable]$FilterHashtable, [switch]$Oldest)
    foreach ($entry in [Farmhand.Lab.Door]::Ask('{"do":"running"}')['events'].Items) {
        $time = [Farmhand.Lab.Clock]::Time($entry['utc'].Text).ToLocalTime()
        if ($time -lt $FilterHashtable.StartTime) { continue }
        $part = [pscustomobject]@{ Value = $entry['pool'].Text }
        [pscustomobject]@{ Id = [int]$entry['id'].Text; TimeCreated = $time; Properties = @($part) }
    }
}

function Get-WindowsFeature {
    [CmdletBinding()]
    param([string[]]$Name)
    $names = [Farmhand.Lab.Door]::List($Name)
    foreach ($feature in [Farmhand.Lab.Door]::Read('{"read":"features","names":' + $names + '}').Items) {
        if ($feature.Text -eq 'unknown') { continue }
        $state = -join @($feature.Text.Split('_') | ForEach-Object { $_.Substring(0, 1).ToUpper() + $_.Substring(1) })
        [pscustomobject]@{ Name = $feature.Key; InstallState = $state }
    }
}

function Install-WindowsFeature {
    [CmdletBinding()]
    param([string[]]$Name, [switch]$IncludeManagementTools, [string[]]$Source = @())
    $request = '{"write":"install_features","names":' + [Farmhand.Lab.Door]::List($Name) + ',"management_tools":' +
        "$IncludeManagementTools".ToLowerInvariant() + ',"source":' + [Farmhand.Lab.Door]::List($Source) + '}'
    try {
        $done = [Farmhand.Lab.Door]::Write($request)
    } catch {
        $cause = $_.Exception.GetBaseException()
        $text = "$($cause.Message) Error: 0x$('{0:X8}' -f $cause.HResult)"
        $id = if ($cause.Data['code'] -eq 'unknown' -or $cause.HResult -eq 0x80070490) { 'NameDoesNotExist' } else { 'DISMAPI_Error' }
        Write-Error -Message $text -ErrorId $id
        return [pscustomobject]@{ Success = $false; RestartNeeded = 'No'; FeatureResult = @() }
    }
    $messages = @($done['messages'].Items | ForEach-Object { [pscustomobject]@{ Text = $_.Text } })
    $features = @(foreach ($feature in $done['features'].Items) {
        $result = [pscustomobject]@{ Name = $feature.Text; Success = $true; Message = $messages }
        # As ServerManager's results do, it reads as its name.
        $result | Add-Member -MemberType ScriptMethod -Name ToString -Value { $this.Name } -Force -PassThru
        $messages = @()
    })
    $restart = if ($done['reboot_needed'].IsTrue) { 'Yes' } else { 'No' }
    [pscustomobject]@{ Success = $true; RestartNeeded = $restart; FeatureResult = $features }
}

function Restart-Computer([switch]$Force) {
    [void][Farmhand.Lab.Door]::Write('{"write":"reboot"}')
}

function Set-Acl([string]$LiteralPath, [object]$AclObject) {
    if (-not [IO.Directory]::Exists($LiteralPath) -or -not $AclObject.Sddl) { throw "Cannot set the ACL of $LiteralPath" }
}
