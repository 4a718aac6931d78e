# What `farmhand doctor` asks of a host beyond the agent's own facts, told as one line of JSON. It changes nothing.
#
# The same bytes go to every host, by the agent's bootstrap; no value is ever put into it. What cannot be found out is
# left out. The first statement must work in ConstrainedLanguage too, where nothing else here does.

if ("$($ExecutionContext.SessionState.LanguageMode)" -cne 'FullLanguage') {
    "{`"doctor`":1,`"language_mode`":`"$($ExecutionContext.SessionState.LanguageMode)`"}"
    exit 0
}
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
[Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::InvariantCulture
$Told = @{ doctor = 1; language_mode = 'FullLanguage' }

function Format-Json($value) {
    if ($null -eq $value) { return 'null' }
    if ($value -is [bool]) { return "$value".ToLowerInvariant() }
    if ($value -is [string]) {
        $text = $value.Replace('\', '\\').Replace('"', '\"')
        return '"' + [regex]::Replace($text, '[^ -~]', { param($match) '\u{0:x4}' -f [int][char]$match.Value }) + '"'
    }
    if ($value -is [Collections.IDictionary]) {
        $parts = foreach ($entry in $value.GetEnumerator()) {
            (Format-Json $entry.Key) + ':' + (Format-Json $entry.Value)
        }
        return '{' + ($parts -join ',') + '}'
    }
    if ($value -is [Collections.IEnumerable]) {
        $parts = foreach ($item in $value) { Format-Json $item }
        return '[' + ($parts -join ',') + ']'
    }
    [string]$value
}

# What a section cannot find out it leaves out, whatever the reason.
function Add-Section($name, $section) {
    try { $Told[$name] = & $section } catch { $Told.Remove($name) }
}

function Read-Token {
    $user = [Security.Principal.WindowsIdentity]::GetCurrent()
    $denied = $user.FindAll('http://schemas.xmlsoap.org/ws/2005/05/identity/claims/denyonlysid')
    @{
        user = $user.Name
        sid = $user.User.Value
        groups = @($user.Groups | ForEach-Object { $_.Value })
        # An administrator whose rights were taken from this session.
        filtered = (@($denied | ForEach-Object { $_.Value }) -contains 'S-1-5-32-544')
    }
}

# The first value of a name in XML, whatever its prefix.
function Find-Value($xml, $name) {
    [regex]::Match($xml, "<(?:\w+:)?$name>([^<]*)<").Groups[1].Value
}

function Read-WinRm {
    $config = (Get-WSManInstance -ResourceURI 'winrm/config').OuterXml
    $service = (Get-WSManInstance -ResourceURI 'winrm/config/service').OuterXml
    $shells = (Get-WSManInstance -ResourceURI 'winrm/config/winrs').OuterXml
    @{
        max_envelope_kb = [long](Find-Value $config 'MaxEnvelopeSizekb')
        allow_unencrypted = ((Find-Value $service 'AllowUnencrypted') -eq 'true')
        basic = ((Find-Value $service 'Basic') -eq 'true')
        max_shells_per_user = [long](Find-Value $shells 'MaxShellsPerUser')
        max_memory_per_shell_mb = [long](Find-Value $shells 'MaxMemoryPerShellMB')
        max_concurrent_users = [long](Find-Value $shells 'MaxConcurrentUsers')
        idle_timeout_ms = [long](Find-Value $shells 'IdleTimeout')
    }
}

function Read-Listeners {
    $listeners = @(Get-WSManInstance -ResourceURI 'winrm/config/listener' -Enumerate)
    , @($listeners | ForEach-Object {
        $xml = $_.OuterXml
        $listener = @{
            transport = Find-Value $xml 'Transport'
            address = Find-Value $xml 'Address'
            port = [long](Find-Value $xml 'Port')
            enabled = ((Find-Value $xml 'Enabled') -eq 'true')
        }
        $thumbprint = (Find-Value $xml 'CertificateThumbprint') -replace '[^0-9A-Fa-f]'
        if ($thumbprint) { $listener.certificate = Read-Certificate $thumbprint }
        $listener
    })
}

function Read-Certificate($thumbprint) {
    $certificate = Get-Item "Cert:\LocalMachine\My\$thumbprint" -ErrorAction Ignore
    if (-not $certificate) { return $null }
    $sha256 = New-Object Security.Cryptography.SHA256CryptoServiceProvider
    @{
        sha256 = [BitConverter]::ToString($sha256.ComputeHash($certificate.RawData)).Replace('-', ':')
        days_left = [long][Math]::Floor(($certificate.NotAfter - (Get-Date)).TotalDays)
        has_key = $certificate.HasPrivateKey
    }
}

function Read-Services {
    $known = Get-CimInstance Win32_Service | Where-Object { $_.Name -match '^(WinRM|sshd|MSSQLSERVER|MSSQL\$.*)$' }
    , @($known | ForEach-Object {
        @{ name = $_.Name; start_mode = $_.StartMode; state = $_.State; account = $_.StartName }
    })
}

function Read-Rules {
    $rules = @(Get-NetFirewallRule -Name 'farmhand-*' -ErrorAction SilentlyContinue)
    , @($rules | ForEach-Object {
        @{ name = $_.Name; enabled = ("$($_.Enabled)" -eq 'True'); allows = ("$($_.Action)" -eq 'Allow') }
    })
}

function Read-Policies {
    $key = Get-Item 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
    @{
        local_account_token_filter = ($key.GetValue('LocalAccountTokenFilterPolicy') -eq 1)
        filter_administrator = ($key.GetValue('FilterAdministratorToken') -eq 1)
    }
}

# Who may touch the file of administrators' keys; null where there is none.
function Read-Keys {
    $path = Join-Path $env:ProgramData 'ssh\administrators_authorized_keys'
    if (-not (Test-Path -LiteralPath $path)) { return $null }
    $acl = [IO.File]::GetAccessControl($path)
    $rules = $acl.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])
    @{
        protected = $acl.AreAccessRulesProtected
        allowed = @($rules | ForEach-Object { $_.IdentityReference.Value } | Sort-Object -Unique)
    }
}

Add-Section 'token' { Read-Token }
Add-Section 'winrm' { Read-WinRm }
Add-Section 'listeners' { Read-Listeners }
Add-Section 'services' { Read-Services }
Add-Section 'rules' { Read-Rules }
Add-Section 'policies' { Read-Policies }
Add-Section 'ssh_keys' { Read-Keys }
$text = (Format-Json $Told) + "`n"
$stream = [Console]::OpenStandardOutput()
$stream.Write([Text.Encoding]::ASCII.GetBytes($text), 0, $text.Length)
$stream.Flush()
