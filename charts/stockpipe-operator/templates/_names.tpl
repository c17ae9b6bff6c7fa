{{/* What every object is called by. */}}
{{- define "operator.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Objects of the whole cluster carry the namespace too: two releases may have one name. */}}
{{- define "operator.clusterName" -}}
{{- printf "%s-%s" (include "operator.fullname" .) .Release.Namespace | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "operator.selector" -}}
app.kubernetes.io/name: stockpipe-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: stockpipe
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "operator.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Everything is watched: a ClusterRole instead of Roles. */}}
{{- define "operator.everywhere" -}}
{{- if has "*" .Values.watchNamespaces -}}yes{{- end -}}
{{- end -}}

{{/* The watched namespaces, where they are named: a JSON object, so that it survives being text. */}}
{{- define "operator.namespaces" -}}
{{- dict "names" (.Values.watchNamespaces | default (list .Release.Namespace)) | toJson -}}
{{- end -}}
