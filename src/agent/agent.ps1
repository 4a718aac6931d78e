# The agent's reading part: answers host calls that change nothing, on Windows PowerShell 3.0 to 5.1.
#
# The same bytes go to every host; comments and indentation are stripped on the way. The bootstrap collects the text
# from its input, runs it once, and then calls Receive-AgentLine for each further line, which it holds in $line.
#
# Nothing here changes a host. What does is the writing part, agent-write.ps1: it is sent as data, to a session that may
# write, before its first call that does. It runs only if it is the very text whose digest stands below; the bootstrap
# then runs what $Agent.Code holds.
#
# Secrets. PowerShell's module logging (event 4103) records the arguments of commands, piped objects included, and an
# error message may quote a value. So a line, and whatever a `plain` in it holds, is given to .NET methods and
# properties alone: never to a cmdlet, never to a parameter of a function, never to a pipeline. That is why the agent
# reads JSON itself. What calls are made of are hashtables, which log as their type's name.
#
# Output. Nothing may reach the success stream; answers go to the raw stdout stream, one write for each batch.

$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$WarningPreference = 'SilentlyContinue'
# Besides: Access, Code, Hello, Mac, Secrets, Wrote, Server and Sql of the batch at hand, Tokens and Next of the line.
$Agent = @{
    Culture = (Get-Culture).Name
    Utf8 = (New-Object Text.UTF8Encoding($false))
    Config = "$env:windir\System32\inetsrv\config"
    Library = "$env:windir\System32\inetsrv\Microsoft.Web.Administration.dll"
    Pieces = (New-Object Text.StringBuilder)
    # Of the writing part as it is sent; put in where this text is made ready to be sent.
    Writer = '0000000000000000000000000000000000000000000000000000000000000000'
    # Of the questions to SQL Server, put in likewise; a session that may only read asks no other.
    Questions = '1111111111111111111111111111111111111111111111111111111111111111'
}
[Threading.Thread]::CurrentThread.CurrentCulture = [Globalization.CultureInfo]::InvariantCulture

$Reads = @{
    host_facts = 'Read-HostFacts'
    features = 'Read-Features'
    iis_config = 'Read-IisConfig'
    iis_runtime = 'Read-IisRuntime'
    files = 'Read-Files'
    certificates = 'Read-Certificates'
    accounts = 'Read-Accounts'
    acl = 'Read-Acl'
    http = 'Read-Http'
    sql = 'Read-Sql'
}
$Writes = @{}
$Absent = @{ absent = @{} }
$Done = @{ done = $null }

# --- the protocol ---

# Takes the line in $line: the hello first, then batches. A long message comes as lines that start with a plus sign,
# and its last with an equals sign. A line that is no JSON ends the agent without a word, since words could quote it.
function Receive-AgentLine {
    try {
        if ($line -clike '[+=]*') {
            [void]$Agent.Pieces.Append($line, 1, $line.Length - 1)
            if ($line -clike '+*') { return }
            $line = $Agent.Pieces.ToString()
            $Agent.Pieces.Length = 0
        }
        $message = Read-Line
        if (-not $Agent.Access) { Set-Hello $message }
        elseif ($message.ContainsKey('writer')) { Set-Writer $message }
        else { Invoke-Batch $message }
    } catch {
        exit 3
    }
}

# The writing part is for the bootstrap to run, in a session that may write, and if it is the one that belongs here.
function Set-Writer($message) {
    if ($Agent.Access -cne 'read_write') { exit 5 }
    if ((Get-Sha256 $Agent.Utf8.GetBytes($message.writer)) -cne $Agent.Writer) { exit 6 }
    $Agent.Code = [ScriptBlock]::Create($message.writer)
}

function Set-Hello($message) {
    if ($message.hello -ne 1) { exit 4 }
    $Agent.Access = if ($message.access -ceq 'read_write') { 'read_write' } else { 'read_only' }
    $digest = Get-Sha256 $Agent.Utf8.GetBytes($agentText)
    $Agent.Hello = (Format-Json @{ hello = 1; agent = $digest; access = $Agent.Access }) + "`n"
}

# Carries out a batch and writes its replies, behind the hello where that has not been answered yet.
function Invoke-Batch($batch) {
    $Agent.Mac = New-Object Security.Cryptography.HMACSHA256
    $Agent.Mac.Key = ConvertFrom-Hex $batch.nonce
    $Agent.Wrote = $false
    $Agent.Secrets = New-Object Collections.ArrayList
    $mutex = $null
    $outcome = $Done
    $replies = @()
    try {
        foreach ($call in $batch.calls) {
            if ($call.ask) {
                $replies += @{ answer = (Invoke-Read $call.ask) }
                continue
            }
            if (-not $outcome.ContainsKey('done')) { $outcome = @{ skipped = @{} } } else {
                if (-not $mutex -and $Writes.Count) { $mutex = Lock-Host }
                $outcome = Invoke-Write $call.tell $mutex
            }
            $replies += @{ outcome = $outcome }
        }
    } finally {
        Close-Server
        if ($Agent.Sql) { $Agent.Sql.Dispose() }
        $Agent.Sql = $null
        if ($mutex -is [Threading.Mutex]) { $mutex.ReleaseMutex(); $mutex.Dispose() }
    }
    $text = $Agent.Hello + (Format-Json @{ id = $batch.id; replies = $replies }) + "`n"
    $Agent.Hello = ''
    $stream = [Console]::OpenStandardOutput()
    $stream.Write([Text.Encoding]::ASCII.GetBytes($text), 0, $text.Length)
    $stream.Flush()
}

function Invoke-Read($ask) {
    try {
        if (-not $Reads.ContainsKey($ask.read)) { Stop-Call 'unsupported' 'no such read' }
        & $Reads[$ask.read] $ask
    } catch {
        @{ refused = (ConvertTo-Refusal $_) }
    }
}

function Invoke-Write($tell, $mutex) {
    try {
        if ($Agent.Access -cne 'read_write') { Stop-Call 'read_only' 'this session may only read' }
        if (-not $Writes.ContainsKey($tell.write)) { Stop-Call 'unsupported' 'no such write' }
        if ($mutex -isnot [Threading.Mutex]) { return @{ failed = $mutex } }
        $Agent.Wrote = $true
        & $Writes[$tell.write] $tell
    } catch {
        @{ failed = (ConvertTo-Refusal $_) }
    }
}

# --- refusals ---

function Stop-Call($code, $text, $hresult) {
    $problem = New-Object InvalidOperationException($text)
    $problem.Data['code'] = $code
    $problem.Data['hresult'] = $hresult
    throw $problem
}

# An error as a refusal. Its own message alone: the line of script that failed is nobody's business, and a secret that
# came with the batch is blotted out wherever a message quotes it.
function ConvertTo-Refusal($record) {
    $cause = Get-Cause $record.Exception
    $text = @($cause.Errors)[0].Message
    if (-not $text) { $text = $cause.Message }
    foreach ($secret in $Agent.Secrets) { $text = $text.Replace($secret, '***') }
    $text = [regex]::Replace($text, '\s+', ' ').Trim()
    $refusal = @{ code = $cause.Data['code']; text = $text }
    $hresult = $cause.Data['hresult']
    if ($cause.Errors) {
        $hresult = 'Msg {0}, Level {1}, State {2}' -f $cause.Number, $cause.Class, $cause.State
        $refusal.code = if ($cause.Number -eq 208) { 'unsupported' } else { 'failed' }
    } elseif (-not $refusal.code) {
        $hresult = '0x{0:X8}' -f $cause.HResult
        if ($cause.NativeErrorCode) { $hresult = '0x8007{0:X4}' -f $cause.NativeErrorCode }
        $refusal.code = Get-Code $hresult
        if ($cause -is [Management.Automation.CommandNotFoundException]) { $refusal.code = 'unsupported' }
    }
    if ($hresult) { $refusal.hresult = $hresult }
    $refusal
}

# What went wrong at the bottom, or what SQL Server says.
function Get-Cause($problem) {
    for ($cause = $problem; $cause -and $Agent.Sql; $cause = $cause.InnerException) {
        if ($cause -is [Data.SqlClient.SqlException]) { return $cause }
    }
    $problem.GetBaseException()
}

function Get-Code($hresult) {
    switch -Regex ($hresult) {
        '80070(005|522)' { return 'denied' }
        '8007002[01]' { return 'locked' }
        '800700(0D|57|7B)|80131537' { return 'invalid' }
        '80070032|80040154' { return 'unsupported' }
        '800F(081F|090[67]|0954)' { return 'source_missing' }
        '800700(70|27)' { return 'disk_full' }
        '80070BC[29]' { return 'reboot_pending' }
        '80070(00[23]|490|520|534)' { return 'unknown' }
        default { return 'failed' }
    }
}

# --- JSON ---

# Reads $line. Objects become hashtables. Commas and colons are passed over: what wrote the line sets them right.
function Read-Line {
    $pattern = '\G[\s,:]*(?:([{}\[\]])|"([^"\\]*(?:\\.[^"\\]*)*)"|(-?\d+)|(true|false|null))'
    $Agent.Tokens = [regex]::Matches($line, $pattern)
    $Agent.Next = 0
    Read-JsonValue
    if ($Agent.Next -ne $Agent.Tokens.Count) { throw 'no JSON' }
}

function Read-JsonValue {
    $token = $Agent.Tokens[$Agent.Next++]
    if ($token.Groups[2].Success) { return [regex]::Unescape($token.Groups[2].Value) }
    if ($token.Groups[3].Success) { return [long]$token.Groups[3].Value }
    switch ($token.Groups[1].Value + $token.Groups[4].Value) {
        '{' { return Read-JsonObject }
        '[' { return , (Read-JsonArray) }
        'true' { return $true }
        'false' { return $false }
        'null' { return $null }
    }
    throw 'no JSON'
}

function Read-JsonObject {
    $object = @{}
    while ($Agent.Tokens[$Agent.Next].Groups[1].Value -ne '}') {
        $key = Read-JsonValue
        $object[$key] = Read-JsonValue
    }
    $Agent.Next++
    $object
}

function Read-JsonArray {
    $items = New-Object Collections.ArrayList
    while ($Agent.Tokens[$Agent.Next].Groups[1].Value -ne ']') {
        $item = Read-JsonValue
        [void]$items.Add($item)
    }
    $Agent.Next++
    , $items
}

function Format-Json($value) {
    if ($null -eq $value) { return 'null' }
    if ($value -is [bool]) { return "$value".ToLowerInvariant() }
    if ($value -is [string]) { return Format-JsonText $value }
    if ($value -is [Collections.IDictionary]) {
        $parts = foreach ($entry in $value.GetEnumerator()) {
            (Format-JsonText $entry.Key) + ':' + (Format-Json $entry.Value)
        }
        return '{' + ($parts -join ',') + '}'
    }
    if ($value -is [Collections.IEnumerable]) {
        $parts = foreach ($item in $value) { Format-Json $item }
        return '[' + ($parts -join ',') + ']'
    }
    [string]$value
}

# Half a surrogate pair, as cutting text leaves behind, is no text in JSON.
function Format-JsonText($text) {
    $half = '[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]'
    $text = [regex]::Replace($text, $half, [string][char]0xFFFD)
    $text = $text.Replace('\', '\\').Replace('"', '\"').Replace("`r", '\r').Replace("`n", '\n').Replace("`t", '\t')
    '"' + [regex]::Replace($text, '[^ -~]', { param($match) '\u{0:x4}' -f [int][char]$match.Value }) + '"'
}

# --- small things ---

function ConvertFrom-Hex($text) {
    $bytes = New-Object byte[] ($text.Length / 2)
    for ($at = 0; $at -lt $bytes.Length; $at++) { $bytes[$at] = [Convert]::ToByte($text.Substring(2 * $at, 2), 16) }
    , $bytes
}

function ConvertTo-Hex($bytes) {
    [BitConverter]::ToString($bytes).Replace('-', '').ToLowerInvariant()
}

# SHA-256 by the provider that a FIPS policy allows.
function Get-Sha256($content) {
    ConvertTo-Hex ((New-Object Security.Cryptography.SHA256CryptoServiceProvider).ComputeHash($content))
}

function ConvertTo-Utc($time) {
    $time.ToUniversalTime().ToString('s') + 'Z'
}

# A map whose keys keep their order and their letter case.
function New-Map {
    New-Object Collections.Specialized.OrderedDictionary
}

function Expand-Path($path) {
    $full = [Environment]::ExpandEnvironmentVariables($path)
    if ($full -like '\\*') { Stop-Call 'denied' "$path is on another machine" '0x80070005' }
    if ($full -notmatch '^[a-z]:\\') { Stop-Call 'invalid' "$path is not an absolute path" '0x8007007B' }
    $full
}

function Get-Registry($key, $name) {
    $item = Get-Item "HKLM:\$key" -ErrorAction Ignore
    if ($item) { $item.GetValue($name) }
}

# --- host_facts ---

function Read-HostFacts {
    $os = Get-CimInstance Win32_OperatingSystem
    $computer = Get-CimInstance Win32_ComputerSystem
    $user = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
    @{ present = @{
        computer = $os.CSName
        domain = $(if ($computer.PartOfDomain) { $computer.Domain })
        os = ($os.Caption -replace '^Microsoft\s+', '').Trim()
        os_version = $os.Version
        server = ($os.ProductType -ne 1)
        powershell = $PSVersionTable.PSVersion.ToString()
        iis = Get-IisVersion
        dotnet_release = Get-Registry 'SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full' 'Release'
        pending_reboot = Get-PendingReboot
        shared_configuration = Get-SharedFolder
        utc = ConvertTo-Utc ([DateTime]::UtcNow)
        uptime_seconds = [long]([DateTime]::Now - $os.LastBootUpTime).TotalSeconds
        disks = Get-Disks
        culture = $Agent.Culture
        # 544 is the group of administrators.
        administrator = $user.IsInRole(544)
        system_drive = $env:SystemDrive
    } }
}

function Get-IisVersion {
    $key = 'SOFTWARE\Microsoft\InetStp'
    $major = Get-Registry $key 'MajorVersion'
    if ($major -and (Test-Iis)) { '{0}.{1}' -f $major, (Get-Registry $key 'MinorVersion') }
}

function Get-PendingReboot {
    $why = @()
    $key = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
    if (Test-Path "$key\Component Based Servicing\RebootPending") { $why += 'component_servicing' }
    if (Test-Path "$key\WindowsUpdate\Auto Update\RebootRequired") { $why += 'windows_update' }
    $key = 'SYSTEM\CurrentControlSet\Control\Session Manager'
    if (Get-Registry $key 'PendingFileRenameOperations') { $why += 'file_rename' }
    , $why
}

function Get-Disks {
    $disks = @()
    foreach ($drive in [IO.DriveInfo]::GetDrives()) {
        if ($drive.DriveType -ne 'Fixed' -or -not $drive.IsReady) { continue }
        $disks += @{
            name = $drive.Name.TrimEnd('\')
            format = $drive.DriveFormat
            size_bytes = $drive.TotalSize
            free_bytes = $drive.TotalFreeSpace
        }
    }
    , $disks
}

# The folder of IIS shared configuration; nothing where redirection.config does not enable it.
function Get-SharedFolder {
    $file = "$($Agent.Config)\redirection.config"
    if (-not [IO.File]::Exists($file)) { return }
    $xml = New-Object Xml.XmlDocument
    $xml.Load($file)
    $path = $xml.SelectSingleNode('/configuration/configurationRedirection[@enabled="true"]/@path')
    if ($path) { $path.Value }
}

# --- features ---

function Read-Features($ask) {
    $states = New-Map
    foreach ($name in $ask.names) { $states[$name] = 'unknown' }
    foreach ($feature in (Get-WindowsFeature -Name $ask.names.ToArray() -ErrorAction SilentlyContinue)) {
        $state = ("$($feature.InstallState)" -creplace '(.)([A-Z])', '$1_$2').ToLowerInvariant()
        foreach ($name in $ask.names) { if ($name -eq $feature.Name) { $states[$name] = $state } }
    }
    @{ present = $states }
}

# --- IIS ---

function Test-Iis {
    [IO.File]::Exists($Agent.Library)
}

# The ServerManager of this batch; a commit closes it, so that what follows reads anew.
function Get-Server {
    if (-not $Agent.Server) {
        if (-not (Test-Iis)) { Stop-Call 'unsupported' 'IIS is not installed' }
        Import-Module $Agent.Library
        $Agent.Server = New-Object Microsoft.Web.Administration.ServerManager
    }
    $Agent.Server
}

function Close-Server {
    if ($Agent.Server) { $Agent.Server.Dispose() }
    $Agent.Server = $null
}

function Read-IisConfig($ask) {
    $config = Get-Config $ask.at.app
    if (-not $config) { return $Absent }
    $node = Find-Element $config $ask.at
    if (-not $node) { return $Absent }
    @{ present = (Read-Element $node $ask.at.section $ask.mac) }
}

# applicationHost.config, or what holds for an application; nothing where there is no such application.
function Get-Config($app) {
    if (-not $app) { return (Get-Server).GetApplicationHostConfiguration() }
    if (Get-FilePath @{ app = $app }) { (Get-Server).GetWebConfiguration($app.site, $app.path) }
}

# The element at a path; nothing where the path leads to nothing.
function Find-Element($config, $at) {
    $node = if ($at.location) { $config.GetSection($at.section, $at.location) } else { $config.GetSection($at.section) }
    foreach ($step in $at.steps) {
        if ($step.item) { $node = Find-Item $node $step.item } else {
            $names = @(foreach ($schema in $node.Schema.ChildElementSchemas) { $schema.Name })
            if ($names -cnotcontains $step.child) { Stop-Call 'unsupported' "no $($step.child) here" '0x80070032' }
            $node = $node.GetChildElement($step.child)
        }
        if (-not $node) { return }
    }
    $node
}

# The first item whose attributes equal all of $keys; a secret equals nothing.
function Find-Item($node, $keys) {
    if (-not $node.Schema.CollectionSchema) { return }
    foreach ($item in $node.GetCollection()) {
        $same = 0
        foreach ($schema in $item.Schema.AttributeSchemas) {
            if (-not $keys.ContainsKey($schema.Name) -or (Test-Secret $schema)) { continue }
            $same += (ConvertTo-Text $schema $item.GetAttributeValue($schema.Name)) -ieq $keys[$schema.Name]
        }
        if ($same -eq $keys.Count) { return $item }
    }
}

function Read-Element($node, $section, $form) {
    $own = Read-Attributes $node $section $form
    $children = New-Map
    foreach ($schema in $node.Schema.ChildElementSchemas) {
        $children[$schema.Name] = Read-Element $node.GetChildElement($schema.Name) $section $form
    }
    $items = @()
    if ($node.Schema.CollectionSchema) {
        foreach ($item in $node.GetCollection()) { $items += Read-Element $item $section $form }
    }
    [ordered]@{
        name = $node.ElementTagName.Split('/')[-1]
        token = Get-Token $node $own
        attributes = $own
        children = $children
        items = $items
    }
}

function Read-Attributes($node, $section, $form) {
    $own = New-Map
    foreach ($schema in $node.Schema.AttributeSchemas) {
        $attribute = $null
        $secret = Test-Secret $schema $section
        try {
            $attribute = $node.GetAttribute($schema.Name)
            $content = if ($secret) { Read-Secret $attribute $form } else {
                @{ value = (ConvertTo-Text $schema $attribute.Value) }
            }
        } catch {
            if (-not $secret) { throw }
            $content = @{ unreadable = @{} }
        }
        $source = 'set'
        if ($attribute -and $attribute.IsInheritedFromDefaultValue) { $source = 'default' }
        elseif (-not $node.IsLocallyStored) { $source = 'inherited' }
        $own[$schema.Name] = @{ source = $source; content = $content }
    }
    $own
}

# Whether an attribute is withheld: by its schema or, whatever that says, by its name.
function Test-Secret($schema, $section) {
    $schema.IsEncrypted -or $schema.Name -match 'password|connectionString|^(validation|decryption)Key$' -or
    ($section -eq 'appSettings' -and $schema.Name -eq 'value')
}

function Read-Secret($attribute, $form) {
    $text = [string]$attribute.Value
    if ($text -ceq '') { return @{ empty = @{} } }
    if ($form -ceq 'upper') { $text = $text.ToUpperInvariant() }
    @{ mac = (ConvertTo-Hex $Agent.Mac.ComputeHash($Agent.Utf8.GetBytes($text))) }
}

function ConvertTo-Text($schema, $value) {
    if ($value -is [string]) { return $value }
    if ($value -is [TimeSpan]) { return $value.ToString() }
    if ($value -is [bool]) { return $value.ToString().ToLowerInvariant() }
    if ($schema.Type -eq 'enum') {
        foreach ($word in $schema.GetEnumValues()) { if ($word.Value -eq $value) { return $word.Name } }
    }
    if ($schema.Type -eq 'flags') {
        $names = foreach ($word in $schema.GetEnumValues()) {
            if ($word.Value -eq $value -or ($word.Value -and ($value -band $word.Value) -eq $word.Value)) { $word.Name }
        }
        return $names -join ', '
    }
    [string]$value
}

# As hostcall::Token says it.
function Get-Token($node, $own) {
    if (-not $node.IsLocallyStored) { return 'absent' }
    $names = [string[]]@(foreach ($entry in $own.GetEnumerator()) {
        if ($entry.Value.source -eq 'set' -and $entry.Value.content.ContainsKey('value')) { $entry.Key }
    })
    [Array]::Sort($names, [StringComparer]::Ordinal)
    $text = -join @(foreach ($name in $names) { "$name=$($own[$name].content.value)`n" })
    (Get-Sha256 $Agent.Utf8.GetBytes($text)).Substring(0, 16)
}

# --- iis_runtime ---

# WAS lags behind configuration: what is not settled yet is looked at again, for 30 seconds.
function Read-IisRuntime($ask) {
    for ($wait = 0; ; $wait++) {
        $pools = New-Map
        $sites = New-Map
        $settled = $true
        foreach ($name in $ask.pools) {
            $pool = (Get-Server).ApplicationPools[$name]
            if (-not $pool) { continue }
            $pools[$name] = @{ state = (Get-State $pool); workers = (Get-Workers $pool) }
            $settled = $settled -and (Test-Settled $pool $pools[$name])
        }
        foreach ($name in $ask.sites) {
            $site = (Get-Server).Sites[$name]
            if (-not $site) { continue }
            $sites[$name] = Get-State $site
            $settled = $settled -and $sites[$name] -in 'started', 'stopped'
        }
        if ($settled -or $wait -ge 60 -or -not (Test-Was)) { break }
        Start-Sleep -Milliseconds 500
        Close-Server
    }
    @{ present = @{ pools = $pools; sites = $sites; events = (Get-WasEvents $ask.pools) } }
}

function Test-Was {
    $service = Get-Service WAS -ErrorAction Ignore
    $service -and "$($service.Status)" -eq 'Running'
}

# WAS throws for what it does not know, or not yet.
function Get-State($item) {
    try { "$($item.State)".ToLowerInvariant() } catch { 'unknown' }
}

function Get-Workers($pool) {
    $workers = @()
    try {
        foreach ($worker in $pool.WorkerProcesses) {
            $process = Get-CimInstance Win32_Process -Filter "ProcessId=$($worker.ProcessId)"
            if (-not $process) { continue }
            $owner = Invoke-CimMethod -InputObject $process -MethodName GetOwner
            $workers += @{ pid = $worker.ProcessId; account = "$($owner.Domain)\$($owner.User)" }
        }
    } catch {
        $workers = @()
    }
    , $workers
}

# After a commit a pool that runs always (start mode 1) has its worker process only a moment later.
function Test-Settled($pool, $found) {
    if ($found.state -notin 'started', 'stopped') { return $false }
    if (-not $Agent.Wrote -or $found.state -eq 'stopped' -or $found.workers.Count) { return $true }
    if ($pool.GetAttributeValue('startMode') -ne 1) { return $true }
    foreach ($site in (Get-Server).Sites) {
        foreach ($app in $site.Applications) { if ($app.ApplicationPoolName -eq $pool.Name) { return $false } }
    }
    $true
}

function Get-WasEvents($pools) {
    $events = @()
    $since = [DateTime]::Now.AddMinutes(-10)
    $filter = @{ LogName = 'System'; ProviderName = 'Microsoft-Windows-WAS'; StartTime = $since }
    try { $found = @(Get-WinEvent -FilterHashtable $filter -Oldest -ErrorAction Ignore) } catch { $found = @() }
    foreach ($entry in $found) {
        $pool = @(foreach ($part in $entry.Properties) { if ($pools -contains $part.Value) { $part.Value } })
        if ($pool) { $events += @{ id = $entry.Id; utc = (ConvertTo-Utc $entry.TimeCreated); pool = $pool[0] } }
    }
    , $events
}

# --- files ---

function Read-Files($ask) {
    $path = Get-FilePath $ask.at
    if (-not $path) { return $Absent }
    $folder = Test-Folder $path
    if ($null -eq $folder) { return $Absent }
    $state = @{ folder = $folder; length_bytes = 0 }
    $state.modified_utc = ConvertTo-Utc ([IO.File]::GetLastWriteTimeUtc($path))
    if ($folder) {
        if ($ask.want.tree) { $state.tree = Get-Tree $path $ask.want.tree.except }
        if ($ask.want -eq 'names') { $state.names = Get-Names $path }
        if ($ask.want.listing) { $state.listing = Get-Listing $path $ask.want.listing.most }
        return @{ present = $state }
    }
    $stream = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite, Delete')
    try {
        $state.length_bytes = $stream.Length
        if ($ask.want -eq 'sha256') { $state.sha256 = Get-Sha256 $stream }
        if ($ask.want -eq 'mac') { $state.mac = ConvertTo-Hex $Agent.Mac.ComputeHash($stream) }
        if ($ask.want -eq 'text') {
            if ($stream.Length -gt 1048576) { Stop-Call 'failed' "$path is larger than 1 MiB" }
            $state.text = (New-Object IO.StreamReader($stream, $Agent.Utf8, $true)).ReadToEnd()
        }
    } finally {
        $stream.Dispose()
    }
    @{ present = $state }
}

# The path of a file, by itself or below the folder of an application or virtual directory.
function Get-FilePath($at) {
    if ($at.path) { return Expand-Path $at.path }
    $site = (Get-Server).Sites[$at.app.site]
    if (-not $site) { return }
    foreach ($app in $site.Applications) {
        foreach ($folder in $app.VirtualDirectories) {
            if (($app.Path + $folder.Path).Trim('/') -ne $at.app.path.Trim('/')) { continue }
            return [IO.Path]::Combine((Expand-Path $folder.PhysicalPath), "$($at.app.file)")
        }
    }
}

# Whether a path is that of a folder; nothing where nothing is there.
function Test-Folder($path) {
    try {
        [bool]([IO.File]::GetAttributes($path) -band [IO.FileAttributes]::Directory)
    } catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] {
        return
    }
}

# Things by name, each letter for itself. What it holds is got at by methods: a file may be called keys or count.
function New-Index {
    New-Object Collections.Hashtable([StringComparer]::Ordinal)
}

# All that is below a folder, by its path there in lower case. Links are not followed.
function Get-Entries($folder) {
    $found = New-Index
    $root = New-Object IO.DirectoryInfo($folder)
    if (-not $root.Exists) { return $found }
    $waiting = New-Object Collections.Stack
    $waiting.Push($root)
    while ($waiting.Count) {
        foreach ($entry in $waiting.Pop().GetFileSystemInfos()) {
            $name = $entry.FullName.Substring($root.FullName.Length).TrimStart('\')
            $found[$name.ToLowerInvariant()] = $entry
            $link = $entry.Attributes -band [IO.FileAttributes]::ReparsePoint
            if ($entry -is [IO.DirectoryInfo] -and -not $link) { $waiting.Push($entry) }
        }
    }
    $found
}

# As hostcall::answer::Tree says it.
function Get-Tree($folder, $except) {
    $entries = Get-Entries $folder
    $lines = [string[]]@(foreach ($pair in $entries.GetEnumerator()) {
        if ($pair.Value -is [IO.FileInfo] -and -not (Test-Below $pair.Key $except)) {
            "$($pair.Key)|$($pair.Value.Length)`n"
        }
    })
    [Array]::Sort($lines, [StringComparer]::Ordinal)
    $text = -join $lines
    @{ files = $lines.Length; digest = (Get-Sha256 $Agent.Utf8.GetBytes($text)) }
}

# Whether a path in lower case is one of some others, or below it.
function Test-Below($name, $folders) {
    foreach ($folder in $folders) {
        $above = $folder.ToLowerInvariant()
        if ($name -ceq $above -or $name.StartsWith("$above\", [StringComparison]::Ordinal)) { return $true }
    }
    $false
}

# As hostcall::answer::Listing says it.
function Get-Listing($folder, $most) {
    $entries = Get-Entries $folder
    $keys = [string[]]@(foreach ($pair in $entries.GetEnumerator()) {
        if ($pair.Value -is [IO.FileInfo]) { $pair.Key }
    })
    [Array]::Sort($keys, [StringComparer]::Ordinal)
    $files = @(for ($at = 0; $at -lt $most -and $at -lt $keys.Length; $at++) {
        $file = $entries[$keys[$at]]
        @{ path = $file.FullName.Substring($file.FullName.Length - $keys[$at].Length); bytes = $file.Length }
    })
    @{ files = $files; more = $keys.Length - $files.Length }
}

# The newest first: each is sorted behind 19 digits that its last write makes the smaller the later it was.
function Get-Names($folder) {
    $entries = (New-Object IO.DirectoryInfo($folder)).GetFileSystemInfos()
    $names = [string[]]@(foreach ($entry in $entries) {
        '{0:d19}{1}' -f ([long]::MaxValue - $entry.LastWriteTimeUtc.Ticks), $entry.Name
    })
    [Array]::Sort($names, [StringComparer]::Ordinal)
    , @(foreach ($name in $names) { $name.Substring(19) })
}

function Read-Acl($ask) {
    $path = Expand-Path $ask.path
    $folder = Test-Folder $path
    if ($null -eq $folder) { return $Absent }
    $acl = if ($folder) { [IO.Directory]::GetAccessControl($path) } else { [IO.File]::GetAccessControl($path) }
    $entries = @()
    foreach ($rule in $acl.GetAccessRules($true, $true, [Security.Principal.SecurityIdentifier])) {
        $entries += @{
            sid = $rule.IdentityReference.Value
            rights = Get-Rights $rule.FileSystemRights
            deny = ("$($rule.AccessControlType)" -eq 'Deny')
            inherited = $rule.IsInherited
        }
    }
    @{ present = @{ inherits = (-not $acl.AreAccessRulesProtected); entries = $entries } }
}

# The usual sums, each with Synchronize, which .NET adds.
function Get-Rights($rights) {
    switch ([int]$rights) {
        0x1200A9 { return 'read' }
        0x1301BF { return 'modify' }
        0x1F01FF { return 'full' }
        default { return 'other' }
    }
}

# --- certificates, accounts, http ---

function Read-Certificates($ask) {
    $store = New-Object Security.Cryptography.X509Certificates.X509Store($ask.store, 'LocalMachine')
    try {
        $store.Open('ReadOnly, OpenExistingOnly')
    } catch {
        if ($_.Exception.GetBaseException().HResult -ne 0x80070002) { throw }
        return $Absent
    }
    $list = @()
    foreach ($cert in $store.Certificates) {
        $list += @{
            thumbprint = $cert.Thumbprint
            subject = $cert.Subject
            dns_names = Get-DnsNames $cert
            not_before = ConvertTo-Utc $cert.NotBefore
            not_after = ConvertTo-Utc $cert.NotAfter
            private_key = $cert.HasPrivateKey
        }
    }
    $store.Close()
    @{ present = $list }
}

# The common name, and each dNSName (tag 0x82) of the extension 2.5.29.17, whose text form is in Windows' own language.
function Get-DnsNames($cert) {
    $names = @([regex]::Match($cert.Subject, '(?:^|, )CN="?([^",]+)').Groups[1].Value)
    $der = @($cert.Extensions['2.5.29.17'].RawData)
    $at = 0
    while ($at + 1 -lt $der.Length) {
        $tag = $der[$at]
        $length = [int]$der[$at + 1]
        $at += 2
        $more = $length - 128
        if ($more -ge 0) { $length = 0 }
        for (; $more -gt 0; $more--) { $length = 256 * $length + $der[$at++] }
        if ($tag -eq 0x30) { continue }
        if ($tag -eq 0x82) { $names += [Text.Encoding]::ASCII.GetString($der, $at, $length) }
        $at += $length
    }
    , @($names | Where-Object { $_ } | Select-Object -Unique)
}

function Read-Accounts($ask) {
    $accounts = New-Map
    foreach ($name in $ask.names) { $accounts[$name] = Get-Account $name }
    @{ present = $accounts }
}

# Nothing for a name that nobody knows.
function Get-Account($name) {
    $sids = @{ LocalSystem = 'S-1-5-18'; System = 'S-1-5-18'; LocalService = 'S-1-5-19'; NetworkService = 'S-1-5-20' }
    $plain = $name -replace '^NT AUTHORITY\\|\s'
    if ($sids[$plain]) { $name = $sids[$plain] }
    try {
        if ($name -like 'S-1-*') { $sid = New-Object Security.Principal.SecurityIdentifier($name) } else {
            $account = New-Object Security.Principal.NTAccount(($name -replace '^\.\\', "$env:COMPUTERNAME\"))
            $sid = $account.Translate([Security.Principal.SecurityIdentifier])
        }
        @{ sid = $sid.Value; name = $sid.Translate([Security.Principal.NTAccount]).Value }
    } catch [Security.Principal.IdentityNotMappedException] {
        return
    }
}

# Where a request goes and what it calls the site: a port of this computer, or a site's first binding, http before
# https. Nothing where there is no such site or binding.
function Get-Endpoint($at) {
    if ($at.port) { return @{ url = "http://127.0.0.1:$($at.port.port)"; name = $at.port.host } }
    $site = (Get-Server).Sites[$at.site]
    foreach ($scheme in 'http', 'https') {
        foreach ($binding in $site.Bindings) {
            if ($binding.Protocol -ne $scheme) { continue }
            $parts = [regex]::Match($binding.BindingInformation, '^(.*):(\d+):(.*)$').Groups
            $address = $parts[1].Value
            if ($address -in '', '*', '0.0.0.0') { $address = '127.0.0.1' }
            return @{ url = "${scheme}://${address}:$($parts[2].Value)"; name = $parts[3].Value }
        }
    }
}

function Read-Http($ask) {
    $endpoint = Get-Endpoint $ask.at
    if (-not $endpoint) { return $Absent }
    [Net.ServicePointManager]::SecurityProtocol = 'Tls, Tls11, Tls12'
    $request = [Net.WebRequest]::CreateHttp("$($endpoint.url)$($ask.path)")
    $request.Method = $ask.verb.ToUpperInvariant()
    $request.AllowAutoRedirect = $false
    $request.Proxy = $null
    $request.KeepAlive = $false
    $request.Timeout = 60000
    # It is this computer that answers, whatever name its certificate is for.
    $request.ServerCertificateValidationCallback = { $true }
    if ($endpoint.name) { $request.Host = $endpoint.name }
    try {
        $reply = $request.GetResponse()
    } catch {
        $reply = $_.Exception.GetBaseException().Response
        if (-not $reply) { throw }
    }
    try {
        $headers = New-Map
        foreach ($name in $reply.Headers.AllKeys) { $headers[$name.ToLowerInvariant()] = $reply.Headers[$name] }
        $text = New-Object char[] 4096
        $count = (New-Object IO.StreamReader($reply.GetResponseStream(), $Agent.Utf8)).ReadBlock($text, 0, 4096)
        $body = (-join $text).Substring(0, $count)
        @{ present = @{ status = [int]$reply.StatusCode; headers = $headers; body = $body } }
    } finally {
        $reply.Close()
    }
}

# --- SQL Server ---

function Read-Sql($ask) {
    $shipped = $Agent.Questions.Contains((Get-Sha256 $Agent.Utf8.GetBytes($ask.query)))
    if (-not $shipped -and $Agent.Access -cne 'read_write') {
        Stop-Call 'invalid' 'no such question'
    }
    $command = New-SqlCommand $ask $ask.arguments
    $command.CommandText = $ask.query
    @{ present = (Get-Rows $command) }
}

# A command without a text, on the one connection of a batch, which is opened as the account that the agent runs as.
function New-SqlCommand($call, $named) {
    if ("$($call.instance)" -notmatch '^[\w$#]*\z') { Stop-Call 'invalid' 'no such instance' }
    if (-not $Agent.Sql) {
        $server = ".\$($call.instance)".TrimEnd('\')
        $how = 'Integrated Security=True;Pooling=False;App=farmhand'
        $Agent.Sql = New-Object Data.SqlClient.SqlConnection("Server=$server;$how")
    }
    if ("$($Agent.Sql.State)" -ne 'Open') { $Agent.Sql.Open() }
    if ($Agent.Sql.Database -cne $call.database) { $Agent.Sql.ChangeDatabase($call.database) }
    $command = $Agent.Sql.CreateCommand()
    $command.CommandTimeout = 120
    foreach ($name in $named.Keys) { [void]$command.Parameters.AddWithValue("@$name", $named[$name]) }
    $command
}

# The first result of a command. All that follows is received too, since an error may come last.
function Get-Rows($command) {
    $reader = $command.ExecuteReader()
    try {
        $columns = @(for ($at = 0; $at -lt $reader.FieldCount; $at++) { $reader.GetName($at).ToLowerInvariant() })
        $rows = New-Object Collections.ArrayList
        while ($reader.Read()) {
            $row = New-Object Collections.ArrayList
            for ($at = 0; $at -lt $columns.Length; $at++) { [void]$row.Add((ConvertFrom-Sql $reader.GetValue($at))) }
            [void]$rows.Add($row)
        }
        while ($reader.NextResult()) { }
    } finally {
        $reader.Dispose()
    }
    @{ columns = $columns; rows = $rows }
}

function ConvertFrom-Sql($value) {
    if ($value -is [DBNull]) { return }
    if ($value -is [Guid]) { return "$value".ToUpper() }
    if ($value -is [DateTime]) { return $value.ToString('yyyy-MM-ddTHH:mm:ss.fff') }
    if ($value -is [byte[]]) { return '0x' + (ConvertTo-Hex $value).ToUpper() }
    $value
}
