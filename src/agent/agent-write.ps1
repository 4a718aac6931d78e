# The agent's writing part: what changes a host. It is sent only to a session that may write, with the first batch that
# does, and runs only if the reading part, agent.ps1, knows its digest. What that part says of secrets and of output
# holds here too.

$Writes = @{
    install_features = 'Write-Features'
    reboot = 'Write-Reboot'
    iis_commit = 'Write-IisCommit'
    iis_control = 'Write-IisControl'
    put_tree = 'Write-Tree'
    put_file = 'Write-File'
    remove = 'Write-Removal'
    set_acl = 'Write-Acl'
    marker = 'Write-Marker'
    test_logon = 'Write-LogonTest'
    sql = 'Write-Sql'
    set_registry = 'Write-Registry'
}

# Holds the host for the length of a mutating batch. Gives the mutex, or the refusal.
function Lock-Host {
    try {
        $mutex = New-Object Threading.Mutex($false, 'Global\farmhand')
        try { $held = $mutex.WaitOne(60000) } catch [Threading.AbandonedMutexException] { $held = $true }
        if ($held) { return $mutex }
        Stop-Held (Get-Marker)
    } catch {
        ConvertTo-Refusal $_
    }
}

# --- marker ---

# Who changes the host stays written down, and counts for as long as the agent that wrote it lives.
function Write-Marker($tell) {
    $held = Get-Marker
    if ($held -and $held.controller -cne $tell.controller -and $held.run -cne $tell.run) { Stop-Held $held }
    $tell.Remove('write')
    $tell.process = $PID
    $tell.started = Get-Started $PID
    $bytes = $Agent.Utf8.GetBytes((Format-Json $tell))
    $stream = [IO.File]::Open((New-OwnFolder 'run') + '\marker.json', 'Create', 'Write', 'None')
    try { $stream.Write($bytes, 0, $bytes.Length) } finally { $stream.Dispose() }
    $Done
}

# The marker of an agent that lives. What a crash has cut short was written by one that is gone.
function Get-Marker {
    $path = "$env:SystemDrive\farmhand\run\marker.json"
    if (-not [IO.File]::Exists($path)) { return }
    $stream = [IO.File]::Open($path, 'Open', 'Read', 'ReadWrite, Delete')
    try { $line = (New-Object IO.StreamReader($stream, $Agent.Utf8)).ReadToEnd() } finally { $stream.Dispose() }
    try { $marker = Read-Line } catch { return }
    if ($marker.started -and (Get-Started $marker.process) -ceq $marker.started) { $marker }
}

# Windows gives the number of a process that is gone to another, which started later.
function Get-Started($id) {
    $process = Get-CimInstance Win32_Process -Filter "ProcessId=$id"
    if ($process) { ConvertTo-Utc $process.CreationDate }
}

function Stop-Held($marker) {
    if (-not $marker) { Stop-Call 'held' 'another farmhand is changing this host' }
    $who = "$($marker.who) has been changing this host since $($marker.since)"
    Stop-Call 'held' "${who}: $($marker.why), run $($marker.run)"
}

# --- features ---

function Write-Features($tell) {
    $options = @{ Name = $tell.names.ToArray(); IncludeManagementTools = $tell.management_tools }
    if ($tell.source.Count) { $options.Source = $tell.source.ToArray() }
    $problems = @()
    $result = Install-WindowsFeature @options -ErrorAction SilentlyContinue -ErrorVariable problems
    $features = @()
    $messages = @()
    foreach ($feature in $result.FeatureResult) {
        if ($feature.Success) { $features += "$($feature.Name)" }
        foreach ($message in $feature.Message) { $messages += "$($message.Text)" }
    }
    if (-not $result.Success) { Stop-Features $problems $messages }
    $reboot = "$($result.RestartNeeded)" -ne 'No'
    @{ done = @{ reboot_needed = $reboot; features = $features; messages = $messages } }
}

# Servicing tells its HRESULT in its words alone.
function Stop-Features($problems, $messages) {
    $messages += @($problems | ForEach-Object { $_.Exception.GetBaseException().Message })
    $text = $messages -join ' '
    $hresult = [regex]::Match($text, '(?i)0x8[0-9a-f]{7}').Value.ToUpperInvariant().Replace('X', 'x')
    $code = Get-Code $hresult
    if ("$($problems | ForEach-Object { $_.FullyQualifiedErrorId })" -like '*NameDoesNotExist*') { $code = 'unknown' }
    elseif ((Get-PendingReboot) -contains 'component_servicing') { $code = 'reboot_pending' }
    Stop-Call $code "nothing was installed: $text" $hresult
}

function Write-Reboot {
    Restart-Computer -Force
    $Done
}

# --- files ---

# What is on its way lies beside the folder, in PATH.partial, under the names that it will have.
function Write-Tree($tell) {
    $path = (Expand-Path $tell.path).TrimEnd('\')
    if ($null -eq $tell.files) {
        [void][IO.Directory]::CreateDirectory($path)
        return $Done
    }
    $known = Get-Known $tell
    if ((Test-Folder $path) -eq $false) { Stop-Call 'failed' "a file is where $path shall be" '0x800700B7' }
    [void][IO.Directory]::CreateDirectory("$path.partial")
    $lacking = Get-Lacking $tell $path
    $done = @{}
    if ($lacking.Count -and $tell.pull) {
        try {
            Import-Archive $tell $path $lacking
            $lacking = Get-Lacking $tell $path
        } catch {
            $done.not_pulled = (ConvertTo-Refusal $_).text
        }
    }
    $done.lacking = $lacking
    if (-not $lacking.Count) { Complete-Tree $tell $known $path }
    @{ done = $done }
}

# Fetches the zip that a tree was made of, and stages what it has of what lacks. Whether that is whole is looked at
# afterwards, as with everything that is staged.
function Import-Archive($tell, $path, $lacking) {
    $wanted = New-Index
    foreach ($lack in $lacking) { $wanted[$tell.files[$lack.file].path.ToLowerInvariant()] = $tell.files[$lack.file] }
    Import-Module "$env:windir\Microsoft.NET\Framework64\v4.0.30319\System.IO.Compression.dll"
    $archive = [IO.File]::Open("$path.partial.zip", 'Create', 'ReadWrite', 'None')
    try {
        Save-Url $tell.pull.url $archive
        [void]$archive.Seek(0, 'Begin')
        if ((Get-Sha256 $archive) -cne $tell.pull.sha256) {
            Stop-Call 'failed' "what is at $($tell.pull.url) is another file than the package"
        }
        $zip = New-Object IO.Compression.ZipArchive($archive, 'Read')
        foreach ($entry in $zip.Entries) {
            $file = $wanted[$entry.FullName.Replace('/', '\').ToLowerInvariant()]
            if (-not $file -or $entry.Length -ne $file.bytes) { continue }
            $place = [IO.File]::Open((New-Place "$path.partial" $file.path), 'Create', 'Write', 'None')
            $content = $entry.Open()
            try { $content.CopyTo($place) } finally { $content.Dispose(); $place.Dispose() }
        }
    } finally {
        $archive.Dispose()
        [IO.File]::Delete("$path.partial.zip")
    }
}

# Nobody logs in. The proxy is the one that this account has.
function Save-Url($url, $stream) {
    [Net.ServicePointManager]::SecurityProtocol = 'Tls, Tls11, Tls12'
    $request = [Net.WebRequest]::CreateHttp($url)
    $request.Timeout = 60000
    $request.ReadWriteTimeout = 60000
    $reply = $request.GetResponse()
    try { $reply.GetResponseStream().CopyTo($stream) } finally { $reply.Close() }
}

# The names in a tree, in lower case, and whether each is that of a folder.
function Get-Known($tell) {
    $known = New-Index
    $paths = @(foreach ($folder in $tell.except) { "$folder\" })
    foreach ($file in $tell.files) {
        $name = $file.path.ToLowerInvariant()
        if ($known.ContainsKey($name) -or (Test-Below $name $tell.except)) { Stop-Name $file.path }
        if ($file.sha256 -cnotmatch '^[0-9a-f]{64}\z') { Stop-Call 'invalid' "$name comes without its SHA-256" }
        $known[$name] = $false
        $paths += $name
    }
    foreach ($path in $paths) {
        Test-Name $path.TrimEnd('\')
        for ($at = $path.LastIndexOf('\'); $at -gt 0; $at = $path.LastIndexOf('\')) {
            $path = $path.Substring(0, $at).ToLowerInvariant()
            if ($known[$path] -eq $false) { Stop-Name $path }
            $known[$path] = $true
        }
    }
    $known
}

# Whether a path below a folder is one that Windows keeps as it is written.
function Test-Name($path) {
    $device = '(?!(?:con|prn|aux|nul|com[1-9]|lpt[1-9]) *(?:[.\\]|\z))'
    $letter = '[^\\/:*?"<>|\x00-\x1f]'
    if ($path -notmatch "^(?:$device$letter*(?<![ .])(?<!\\|^)(?:\\(?!\z)|\z))+\z") { Stop-Name $path }
}

function Stop-Name($path) {
    Stop-Call 'invalid' "$path is no name for a file of the folder" '0x8007007B'
}

# The files that are neither where they belong nor staged nor in another folder. What is found elsewhere is staged.
function Get-Lacking($tell, $path) {
    $there = Get-Entries $path
    $staged = Get-Entries "$path.partial"
    $sources = @(foreach ($folder in $tell.from) { Get-Entries (Expand-Path $folder) })
    $lacking = New-Object Collections.ArrayList
    for ($index = 0; $index -lt $tell.files.Count; $index++) {
        $file = $tell.files[$index]
        $name = $file.path.ToLowerInvariant()
        $found = $staged[$name]
        if ((Test-Whole $there[$name] $file) -or (Test-Whole $found $file)) { continue }
        $have = 0
        if ($found -is [IO.FileInfo] -and $found.Length -lt $file.bytes) { $have = $found.Length }
        elseif ($found) { Remove-Entry $found }
        $place = New-Place "$path.partial" $file.path
        if (Copy-Whole $sources $name $file $place) { continue }
        if ($file.bytes) { [void]$lacking.Add(@{ file = $index; have_bytes = $have }) }
        else { [IO.File]::Create($place).Dispose() }
    }
    , $lacking
}

function Test-Whole($entry, $file) {
    if ($entry -isnot [IO.FileInfo] -or $entry.Length -ne $file.bytes) { return $false }
    $stream = [IO.File]::Open($entry.FullName, 'Open', 'Read', 'ReadWrite, Delete')
    try { (Get-Sha256 $stream) -ceq $file.sha256 } finally { $stream.Dispose() }
}

# A source that cannot be read is as good as none.
function Copy-Whole($sources, $name, $file, $place) {
    foreach ($source in $sources) {
        try {
            if (-not (Test-Whole $source[$name] $file)) { continue }
            [IO.File]::Copy($source[$name].FullName, $place, $true)
            [IO.File]::SetAttributes($place, 'Normal')
            return $true
        } catch [IO.IOException], [UnauthorizedAccessException] {
            if ((Get-Code ('0x{0:X8}' -f $_.Exception.GetBaseException().HResult)) -eq 'disk_full') { throw }
        }
    }
    $false
}

# The path of a file below a folder, with the folders above it made.
function New-Place($folder, $file) {
    $place = [IO.Path]::Combine($folder, $file)
    [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($place))
    $place
}

# A new folder is moved to its place as a whole; in one that is there, files are replaced one by one, each through a
# file beside it, which takes over the rights of the folder.
function Complete-Tree($tell, $known, $path) {
    $stage = "$path.partial"
    Remove-Surplus $stage $known $tell.except
    $folder = $stage
    if ([IO.Directory]::Exists($path)) {
        Remove-Surplus $path $known $tell.except
        $folder = $path
        $staged = Get-Entries $stage
        foreach ($file in $tell.files) {
            $found = $staged[$file.path.ToLowerInvariant()]
            if (-not $found) { continue }
            $place = New-Place $path $file.path
            [IO.File]::Copy($found.FullName, "$place.partial", $true)
            if (-not [IO.File]::Exists($place)) { [IO.File]::Move("$place.partial", $place); continue }
            [IO.File]::SetAttributes($place, 'Normal')
            [IO.File]::Replace("$place.partial", $place, [NullString]::Value)
        }
        Remove-Entry (New-Object IO.DirectoryInfo($stage))
    }
    foreach ($own in $tell.except) { [void][IO.Directory]::CreateDirectory([IO.Path]::Combine($folder, $own)) }
    if ($folder -eq $stage) { [IO.Directory]::Move($stage, $path) }
}

# Removes what a tree does not name.
function Remove-Surplus($folder, $known, $except) {
    $entries = Get-Entries $folder
    foreach ($pair in $entries.GetEnumerator()) {
        $name = $pair.Key
        $entry = $pair.Value
        $named = $known.ContainsKey($name) -and $known[$name] -eq ($entry -is [IO.DirectoryInfo])
        if ($named -or (Test-Below $name $except)) { continue }
        $entry.Refresh()
        if ($entry.Exists) { Remove-Entry $entry }
    }
}

# Removes a file, or a folder with all below it; of a link the link alone.
function Remove-Entry($entry) {
    $link = $entry.Attributes -band [IO.FileAttributes]::ReparsePoint
    if ($entry -is [IO.DirectoryInfo] -and -not $link) {
        foreach ($below in $entry.GetFileSystemInfos()) { Remove-Entry $below }
    }
    if ($entry.Attributes -band [IO.FileAttributes]::ReadOnly) { $entry.Attributes = 'Normal' }
    $entry.Delete()
}

function Write-File($tell) {
    Test-Name $tell.file
    $stage = (Expand-Path $tell.tree).TrimEnd('\') + '.partial'
    if (-not [IO.Directory]::Exists($stage)) { Stop-Call 'failed' "nobody has begun $stage with put_tree" }
    $bytes = [Convert]::FromBase64String($tell.data.base64)
    $stream = [IO.File]::Open((New-Place $stage $tell.file), 'OpenOrCreate', 'Write', 'None')
    try {
        if ($stream.Length -ne $tell.at_bytes) {
            $text = "$($tell.file) has $($stream.Length) bytes, and the piece starts at $($tell.at_bytes)"
            Stop-Call 'failed' $text
        }
        [void]$stream.Seek(0, 'End')
        $stream.Write($bytes, 0, $bytes.Length)
    } finally {
        $stream.Dispose()
    }
    $Done
}

# Nothing but what is below a folder of farmhand's own, and not by way of a link.
function Write-Removal($tell) {
    $path = [IO.Path]::GetFullPath((Expand-Path $tell.path)).TrimEnd('\')
    $parent = [IO.Path]::GetDirectoryName($path)
    if ($parent -notmatch '\\(farmhand|releases)(\\|\z)') {
        Stop-Call 'invalid' "$path is not below a folder named farmhand or releases"
    }
    try {
        for (; $parent; $parent = [IO.Path]::GetDirectoryName($parent)) {
            $link = [IO.File]::GetAttributes($parent) -band [IO.FileAttributes]::ReparsePoint
            if ($link) { Stop-Call 'failed' "$parent is a link" }
        }
        if (Test-Folder $path) { Remove-Entry (New-Object IO.DirectoryInfo($path)) }
        else { Remove-Entry (New-Object IO.FileInfo($path)) }
    } catch [IO.FileNotFoundException], [IO.DirectoryNotFoundException] {
        return $Done
    } catch {
        if ($tell.must) { throw }
    }
    $Done
}

# Rights of its own for a folder, and none of their own for what is below it.
function Write-Acl($tell) {
    $path = Expand-Path $tell.path
    $acl = New-Object Security.AccessControl.DirectorySecurity
    $acl.SetAccessRuleProtection($true, $false)
    $words = @{ read = 'ReadAndExecute'; modify = 'Modify'; full = 'FullControl' }
    foreach ($grant in $tell.grants) {
        $sid = Get-Sid $grant.account
        $rights = $words[$grant.rights]
        if (-not $rights) { Stop-Call 'invalid' 'rights are given as read, modify or full' }
        $below = 'ContainerInherit, ObjectInherit'
        $rule = New-Object Security.AccessControl.FileSystemAccessRule($sid, $rights, $below, 'None', 'Allow')
        $acl.AddAccessRule($rule)
    }
    if (-not (Test-Folder $path)) { Stop-Call 'unknown' "$path is no folder" '0x80070002' }
    [IO.Directory]::SetAccessControl($path, $acl)
    $entries = Get-Entries $path
    foreach ($pair in $entries.GetEnumerator()) {
        $entry = $pair.Value
        if ($entry.Attributes -band [IO.FileAttributes]::ReparsePoint) { continue }
        $own = $entry.GetAccessControl()
        $rules = $own.GetAccessRules($true, $false, [Security.Principal.SecurityIdentifier])
        if (-not $rules.Count -and -not $own.AreAccessRulesProtected) { continue }
        $own.SetAccessRuleProtection($false, $false)
        foreach ($rule in $rules) { [void]$own.RemoveAccessRule($rule) }
        $entry.SetAccessControl($own)
    }
    $Done
}

# The SID of an account; one that is given as SID is taken as it is, since its account may be yet to come.
function Get-Sid($name) {
    if ($name -notlike 'S-1-*') {
        $account = Get-Account $name
        if (-not $account) { Stop-Call 'unknown' "nobody knows the account $name" '0x80070534' }
        $name = $account.sid
    }
    New-Object Security.Principal.SecurityIdentifier($name)
}

# --- iis_commit and iis_control ---

# Tokens, edits, commit. Where the file changed on the way, the same again on the new file, at most 5 times.
function Write-IisCommit($tell) {
    $shared = Get-SharedFolder
    if ($shared) { Stop-Call 'shared_configuration' "IIS shares its configuration from $shared" }
    try {
        for ($try = 1; ; $try++) {
            Close-Server
            $target = Get-Target $tell.file
            Test-Edits $tell $target.file
            $before = [IO.File]::GetLastWriteTimeUtc($target.file)
            foreach ($expected in $tell.expect) {
                if ((Get-TokenAt $target.config $expected.at) -cne $expected.token) {
                    return @{ moved = @{ at = (Format-Path $expected.at) } }
                }
            }
            foreach ($edit in $tell.edits) { Set-Edit $target.config $edit }
            Save-History $target
            try {
                (Get-Server).CommitChanges()
                return $Done
            } catch {
                $shut = $_.Exception.GetBaseException().HResult -eq 0x80070020
                if ($try -ge 5 -or (-not $shut -and $before -eq [IO.File]::GetLastWriteTimeUtc($target.file))) { throw }
                Start-Sleep -Milliseconds 200
            }
        }
    } finally {
        Close-Server
    }
}

function Get-Target($file) {
    if ($file.ContainsKey('application_host')) {
        $path = "$($Agent.Config)\applicationHost.config"
        return @{ config = (Get-Server).GetApplicationHostConfiguration(); file = $path; name = 'applicationHost' }
    }
    $app = $file.web_config
    $path = Get-FilePath @{ app = @{ site = $app.site; path = $app.path; file = 'web.config' } }
    if (-not $path) { Stop-Call 'unknown' "IIS has no application $($app.site)$($app.path)" }
    $name = 'web-' + (Get-Sha256 $Agent.Utf8.GetBytes($path.ToLowerInvariant())).Substring(0, 12)
    @{ config = (Get-Config $app); file = $path; name = $name }
}

# All that a commit is about is in the one file, and no section is where that file only says so.
function Test-Edits($tell, $path) {
    foreach ($place in @($tell.expect) + @($tell.edits)) {
        $app = $tell.file.web_config
        $same = "$($app.site)|$($app.path)" -ceq "$($place.at.app.site)|$($place.at.app.path)"
        if (-not $same) { Stop-Call 'invalid' "$(Format-Path $place.at) is in another file" }
    }
    if (-not $tell.file.web_config -or -not [IO.File]::Exists($path)) { return }
    $xml = New-Object Xml.XmlDocument
    try { $xml.Load($path) } catch [Xml.XmlException] { Stop-Call 'invalid' "$path is no XML" '0x8007000D' }
    foreach ($edit in $tell.edits) {
        $section = "$($edit.at.section)/@configSource"
        $here = "/configuration/$section|/configuration/location[not(@path) or @path='' or @path='.']/$section"
        $node = $xml.SelectSingleNode($here)
        if (-not $node) { continue }
        Stop-Call 'unsupported' "$($edit.at.section) is in $($node.Value) (configSource); it is changed there"
    }
}

function Get-TokenAt($config, $at) {
    $node = Find-Element $config $at
    if (-not $node) { return 'absent' }
    Get-Token $node (Read-Attributes $node $at.section 'exact')
}

# A path in words, such as system.applicationHost/sites [Chat] bindings [http *:80:].
function Format-Path($at) {
    $words = @($at.section)
    if ($at.app) { $words += "(application $($at.app.site)$($at.app.path))" }
    if ($at.location) { $words += "(location $($at.location))" }
    foreach ($step in $at.steps) {
        $words += if ($step.child) { $step.child } else { "[$($step.item.Values -join ' ')]" }
    }
    $words -join ' '
}

function Set-Edit($config, $edit) {
    $at = $edit.at
    $node = Find-Element $config $at
    if (-not $node) { Stop-Call 'unknown' "there is no $(Format-Path $at)" '0x80070490' }
    switch ($edit.edit) {
        'set' { Set-Attribute $node $at.section $edit.attribute $edit.value }
        'clear' { $node.GetAttribute($edit.attribute).Delete() }
        'add' {
            $list = $node.GetCollection()
            $new = $list.CreateElement($edit.element)
            foreach ($pair in $edit.attributes) { Set-Attribute $new $at.section $pair[0] $pair[1] }
            [void]$list.Add($new)
        }
        'remove' {
            $above = $at.Clone()
            $above.steps = $at.steps.GetRange(0, $at.steps.Count - 1)
            $list = (Find-Element $config $above).GetCollection()
            $list.Remove($node)
        }
        'certificate' { Set-Certificate $at $edit }
        default { Stop-Call 'unsupported' 'no such edit' }
    }
}

# $text is a hashtable, and its `plain` goes to IIS alone.
function Set-Attribute($node, $section, $name, $text) {
    $schema = $node.GetAttribute($name).Schema
    $plain = $text.plain
    if ($null -eq $plain) { Stop-Call 'invalid' "no text came for $name" }
    if ($plain -and (Test-Secret $schema $section)) { [void]$Agent.Secrets.Add($plain) }
    switch -Regex ($schema.Type) {
        '^bool$' { $node.SetAttributeValue($name, [bool]::Parse($plain)) }
        '^timeSpan$' { $node.SetAttributeValue($name, [TimeSpan]::Parse($plain)) }
        '^u?int' { $node.SetAttributeValue($name, [long]::Parse($plain)) }
        default { $node.SetAttributeValue($name, $plain) }
    }
}

# The certificate of a binding is kept by http.sys; IIS assigns it when it commits.
function Set-Certificate($at, $edit) {
    $site = (Get-Server).Sites[$at.steps[0].item.name]
    $key = $at.steps[2].item
    foreach ($binding in $site.Bindings) {
        $same = $binding.Protocol -eq $key.protocol -and $binding.BindingInformation -eq $key.bindingInformation
        if (-not $same) { continue }
        $binding.CertificateHash = ConvertFrom-Hex $edit.thumbprint
        $binding.CertificateStoreName = $edit.store
        return
    }
    Stop-Call 'unknown' "there is no $(Format-Path $at)"
}

# Keeps the file as it was, ten generations.
function Save-History($target) {
    if (-not [IO.File]::Exists($target.file)) { return }
    $folder = New-OwnFolder 'history'
    $now = [DateTime]::UtcNow.ToString('o').Replace(':', '')
    [IO.File]::Copy($target.file, "$folder\$($target.name)-$now.config")
    $kept = [IO.Directory]::GetFiles($folder, "$($target.name)-*.config")
    [Array]::Sort($kept, [StringComparer]::Ordinal)
    for ($index = 0; $index -lt $kept.Length - 10; $index++) { [IO.File]::Delete($kept[$index]) }
}

# A folder of farmhand's own, for administrators and SYSTEM alone.
function New-OwnFolder($name) {
    $folder = "$env:SystemDrive\farmhand\$name"
    if (-not [IO.Directory]::Exists($folder)) {
        [void][IO.Directory]::CreateDirectory($folder)
        $acl = New-Object Security.AccessControl.DirectorySecurity
        $acl.SetSecurityDescriptorSddlForm('O:BAG:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)')
        Set-Acl -LiteralPath $folder -AclObject $acl
    }
    $folder
}

# What is so already is done.
function Write-IisControl($tell) {
    $pool = $tell.target.ContainsKey('pool')
    $name = if ($pool) { $tell.target.pool } else { $tell.target.site }
    $item = if ($pool) { (Get-Server).ApplicationPools[$name] } else { (Get-Server).Sites[$name] }
    if (-not $item) { Stop-Call 'unknown' "IIS has no pool or site $name" '0x80070490' }
    for ($wait = 0; $wait -lt 60; $wait++) {
        $state = Get-State $item
        if ($state -in 'started', 'stopped' -or -not (Test-Was)) { break }
        Start-Sleep -Milliseconds 500
    }
    if ($tell.action -eq 'recycle' -and -not $pool) { Stop-Call 'failed' 'a site has no worker processes' }
    if ($tell.action -eq 'recycle' -and $state -eq 'started') { [void]$item.Recycle() }
    if ($tell.action -eq 'start' -and $state -ne 'started') { [void]$item.Start() }
    if ($tell.action -eq 'stop' -and $state -ne 'stopped') { [void]$item.Stop() }
    $Done
}

# --- test_logon ---

# One bind with the password: to the domain by LDAP (signed and sealed), or to this computer for an account of its own.
# A directory says why it refused as `data XXX` in its diagnostic, XXX the Win32 code in hexadecimal.
function Write-LogonTest($tell) {
    $domain, $user = $tell.account.Split('\', 2)
    if (-not $user) { Stop-Call 'unknown' "$($tell.account) is not DOMAIN\user" }
    $path = "LDAP://$domain"
    if ($domain -in '.', $env:COMPUTERNAME) { $path = "WinNT://$env:COMPUTERNAME,computer" }
    if (-not $tell.password.plain) { Stop-Call 'invalid' 'no password came with the test' }
    [void]$Agent.Secrets.Add($tell.password.plain)
    $entry = New-Object DirectoryServices.DirectoryEntry($path)
    try {
        $entry.AuthenticationType = 'Secure, Signing, Sealing'
        $entry.Username = "$domain\$user"
        $entry.Password = $tell.password.plain
        $entry.RefreshCache()
        $Done
    } catch {
        Stop-Logon $_
    } finally {
        $entry.Dispose()
    }
}

function Stop-Logon($record) {
    $cause = $record.Exception.GetBaseException()
    $code = $cause.HResult -band 0xFFFF
    $data = [regex]::Match("$($cause.ExtendedErrorMessage)", ' data ([0-9a-f]+)').Groups[1].Value
    if ($data -and $data -ne '0') { $code = [Convert]::ToInt32($data, 16) }
    $refused = 1326, 1327, 1328, 1329, 1330, 1331, 1385, 1793, 1907, 1909
    if ($code -in $refused) { Stop-Call 'logon' $cause.Message ('0x8007{0:X4}' -f $code) }
    throw $record
}

# --- SQL Server ---

# One batch. Its text goes to SQL Server as it is: without parameters never inside another statement.
function Write-Sql($tell) {
    $done = @{}
    if ($tell.find) { $done.found = Find-SqlText $tell }
    $command = New-SqlCommand $tell
    foreach ($name in $tell.arguments.Keys) {
        [void]$command.Parameters.AddWithValue("@$name", $tell.arguments[$name].plain)
    }
    $command.CommandTimeout = 1800
    $command.CommandText = $tell.text.plain
    $at = $command.CommandText.IndexOf('{found}')
    if ($done.found -and $at -ge 0) {
        $literal = "N'" + $done.found.Replace("'", "''") + "'"
        $command.CommandText = $command.CommandText.Remove($at, 7).Insert($at, $literal)
    }
    $messages = New-Object Collections.ArrayList
    $Agent.Sql.add_InfoMessage({
        param($from, $told)
        foreach ($it in $told.Errors) { [void]$messages.Add(@{ number = $it.Number; text = $it.Message }) }
    })
    [void]$command.ExecuteNonQuery()
    if ($messages.Count) { $done.messages = $messages }
    @{ done = $done }
}

# The one text that a question gives.
function Find-SqlText($tell) {
    $command = New-SqlCommand $tell $tell.find.arguments
    $command.CommandText = $tell.find.query
    $rows = (Get-Rows $command).rows
    if ($rows.Count -eq 1 -and $rows[0].Count -eq 1 -and $rows[0][0] -is [string]) { return $rows[0][0] }
    Stop-Call 'failed' 'what the statement needs from the server was not found there'
}

# --- the registry ---

function Write-Registry($tell) {
    if ($tell.key -notlike 'HKLM\?*') { Stop-Call 'denied' "$($tell.key) is not below HKLM" '0x80070005' }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($tell.key.Substring(5), $true)
    if (-not $key) { Stop-Call 'unknown' "there is no key $($tell.key)" '0x80070002' }
    try {
        $value = $key.GetValue($tell.name)
        if ($value -cne $tell.was) { return @{ moved = @{ at = "$($tell.key)\$($tell.name)" } } }
        if ($null -eq $tell.text) { $key.DeleteValue($tell.name, $false) } else {
            $key.SetValue($tell.name, $tell.text, 'String')
        }
    } finally {
        $key.Dispose()
    }
    $Done
}
