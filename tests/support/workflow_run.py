"""An interpreter of the part of Google Workflows that templates/workflows uses: not Google's, which cannot be run here.

It executes assign, switch, call (http.post, sys.log), try, retry, except, raise, return and jumps, by the reference
https://cloud.google.com/workflows/docs/reference/syntax. Calls are real HTTP requests; waiting between retries is a call of
`sleep`. What it does not know is an error, so a workflow that uses more fails the test.
"""

import ast
import base64
import json
import operator
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.Lt: operator.lt, ast.LtE: operator.le, ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip


class WorkflowError(Exception):
    """An error that a workflow raised or did not handle; `value` is what its `except` sees."""

    def __init__(self, value: Any) -> None:
        super().__init__(value if isinstance(value, str) else json.dumps(value, default=str))
        self.value = value


class WorkflowRun:
    """One execution.

    Args:
        workflow: the parsed YAML.
        environment: the values of sys.get_env.
        sleep: takes the seconds between two tries.
    """

    def __init__(
        self,
        workflow: dict[str, Any],
        environment: dict[str, str],
        sleep: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._workflow, self._sleep = workflow, sleep
        self.logged: list[dict[str, Any]] = []
        self._functions: dict[str, Callable[..., Any]] = {
            "sys.get_env": environment.__getitem__,
            "json.decode": json.loads,
            "base64.decode": base64.b64decode,
            "map.get": lambda found, key: found.get(key),
            "default": lambda value, other: other if value is None else value,
            "len": len,
            "string": str,
        }

    def run(self, argument: Any) -> Any:
        """Execute `main` and return what it returns; raise WorkflowError if it fails."""
        return self._call("main", [argument])

    def _call(self, name: str, arguments: list[Any]) -> Any:
        body = self._workflow[name]
        variables = dict(zip(body.get("params", []), arguments, strict=True))
        return self._steps(body["steps"], variables)[1]

    def _steps(self, steps: list[dict[str, Any]], variables: dict[str, Any]) -> tuple[str | None, Any]:
        """Execute steps; return the label that is jumped to, or None and the returned value."""
        labels = [next(iter(step)) for step in steps]
        at = 0
        for _ in range(10_000):
            if at == len(steps):
                return None, None
            label = labels[at]
            jump, returned, value = self._step(steps[at][label], variables)
            if returned:
                return None, value
            if jump is None:
                at += 1
            elif jump == "end":
                return None, None
            elif jump in labels:
                at = labels.index(jump)
            else:
                return jump, None
        raise AssertionError("the workflow does not end")

    def _step(self, step: dict[str, Any], variables: dict[str, Any]) -> tuple[str | None, bool, Any]:
        if "assign" in step:
            for one in step["assign"]:
                [(name, value)] = one.items()
                assert name.isidentifier(), f"{name}: only plain variables are assigned"
                variables[name] = self._value(value, variables)
        elif "switch" in step:
            for case in step["switch"]:
                if self._value(case["condition"], variables):
                    if "return" in case:
                        return None, True, self._value(case["return"], variables)
                    return case["next"], False, None
        elif "try" in step:
            jump = self._try(step, variables)
            if jump is not None:
                return jump, False, None
        elif "call" in step:
            self._do(step, variables)
        if "raise" in step:
            raise WorkflowError(self._value(step["raise"], variables))
        if "return" in step:
            return None, True, self._value(step["return"], variables)
        return step.get("next"), False, None

    def _try(self, step: dict[str, Any], variables: dict[str, Any]) -> str | None:
        retry = step.get("retry", {"max_retries": 0})
        backoff = retry.get("backoff", {})
        delay = float(backoff.get("initial_delay", 1))
        for number in range(retry["max_retries"] + 1):
            try:
                self._do(step["try"], variables)
                return None
            except WorkflowError as error:
                name = retry.get("predicate", "").removeprefix("${").removesuffix("}")
                if number < retry["max_retries"] and self._call(name, [error.value]):
                    self._sleep(delay)
                    delay = min(delay * backoff["multiplier"], backoff["max_delay"])
                    continue
                if "except" not in step:
                    raise
                variables[step["except"]["as"]] = error.value
                return self._steps(step["except"]["steps"], variables)[0]
        raise AssertionError("unreachable")

    def _do(self, step: dict[str, Any], variables: dict[str, Any]) -> None:
        arguments = self._value(step["args"], variables)
        if step["call"] == "sys.log":
            self.logged.append(arguments)
            return
        assert step["call"] == "http.post", step["call"]
        result = _post(arguments)
        if "result" in step:
            variables[step["result"]] = result

    def _value(self, value: Any, variables: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {name: self._value(part, variables) for name, part in value.items()}
        if isinstance(value, list):
            return [self._value(part, variables) for part in value]
        if isinstance(value, str) and value.startswith("${"):
            return self._evaluate(ast.parse(value[2:-1].strip(), mode="eval").body, variables)
        return value

    def _evaluate(self, node: ast.expr, variables: dict[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return variables[node.id]
            case ast.List():
                return [self._evaluate(part, variables) for part in node.elts]
            case ast.Attribute():
                return self._evaluate(node.value, variables)[node.attr]
            case ast.Subscript():
                return self._evaluate(node.value, variables)[self._evaluate(node.slice, variables)]
            case ast.BinOp():
                left, right = self._evaluate(node.left, variables), self._evaluate(node.right, variables)
                assert type(left) is type(right), "Workflows converts no text to a number"
                return OPERATORS[type(node.op)](left, right)
            case ast.Compare():
                [operation], [right] = node.ops, node.comparators
                return OPERATORS[type(operation)](
                    self._evaluate(node.left, variables), self._evaluate(right, variables)
                )
            case ast.BoolOp():
                values = (bool(self._evaluate(part, variables)) for part in node.values)
                return any(values) if isinstance(node.op, ast.Or) else all(values)
            case ast.Call():
                arguments = [self._evaluate(argument, variables) for argument in node.args]
                return self._functions[ast.unparse(node.func)](*arguments)
        raise AssertionError(f"unknown expression {ast.unparse(node)}")


def _post(arguments: dict[str, Any]) -> dict[str, Any]:
    """Send a real request; an error has the fields that Workflows gives one."""
    assert arguments["auth"] == {"type": "OIDC"}
    headers = {"Content-Type": "application/json", **arguments.get("headers", {})}
    request = urllib.request.Request(arguments["url"], json.dumps(arguments["body"]).encode(), headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=arguments["timeout"]) as answer:
            return {"code": answer.status, "body": json.loads(answer.read() or b"null")}
    except urllib.error.HTTPError as error:
        raise WorkflowError({"code": error.code, "tags": ["HttpError"], "message": "HTTP server responded"}) from None
    except TimeoutError:
        raise WorkflowError({"tags": ["TimeoutError"], "message": "timeout"}) from None
    except OSError:
        raise WorkflowError({"tags": ["ConnectionError"], "message": "connection broken"}) from None
