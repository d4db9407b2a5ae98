"""The two numerical witnesses differentiate any function of arrays; only one of them is exact."""

import numpy as np

from tinygrad_rnn.check import central_differences, complex_step

POINT = {"w": np.array([[0.3, -1.2], [2.0, 0.1]]), "s": np.array(0.7)}


def smooth(arrays: dict[str, np.ndarray]) -> np.ndarray:
    return np.sum(np.exp(arrays["w"]) * np.sin(arrays["s"])) + arrays["w"][0, 1] ** 3


def truth() -> dict[str, np.ndarray]:
    cube = np.zeros((2, 2))
    cube[0, 1] = 3.0 * POINT["w"][0, 1] ** 2
    return {"w": np.exp(POINT["w"]) * np.sin(0.7) + cube, "s": np.sum(np.exp(POINT["w"])) * np.cos(POINT["s"])}


def test_the_complex_step_is_exact_to_rounding() -> None:
    gradients = complex_step(smooth, POINT)
    for name, expected in truth().items():
        assert gradients[name].shape == expected.shape
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-14)


def test_central_differences_are_close_and_not_exact() -> None:
    gradients = central_differences(smooth, POINT)
    for name, expected in truth().items():
        np.testing.assert_allclose(gradients[name], expected, rtol=1e-7)
    assert not np.allclose(gradients["w"], truth()["w"], rtol=1e-14, atol=0.0)


def test_a_function_with_several_results_has_a_jacobian_result_first() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    jacobian = complex_step(lambda arrays: matrix @ arrays["v"], {"v": np.ones(3)})["v"]
    np.testing.assert_array_equal(jacobian, matrix)


def test_the_point_itself_is_left_alone() -> None:
    before = {name: value.copy() for name, value in POINT.items()}
    complex_step(smooth, POINT)
    central_differences(smooth, POINT)
    for name, value in POINT.items():
        np.testing.assert_array_equal(value, before[name])
        assert value.dtype == float
